"""VEX: what somebody who knows says of findings, and which of them count for nothing by that.

purls       package URLs
reading     checks as a document is read
statements  what is said, and of which findings it is said
openvex     the document forms: OpenVEX,
cyclonedx   CycloneDX VEX,
csaf        CSAF VEX
documents   any of them
kept        those that are kept for a repository, as rows
attested    those inside of signed attestations
referrers   those that are attached to images, where they are trusted
vex         all that is said of an image
marks       rows of images whose findings have to be counted anew
recounting  counts them
"""
