"""Reports on scans, in the forms that people and programs read.

forms       which forms there are, and which one a request means
subject     whose scan it is
document    plain JSON
converted   SARIF, CycloneDX and SPDX, made by the scanner out of its own report
stamping    what is added to these
apart       the same in a process of its own
remedies    which upgrades mend what was found
page        a self-contained HTML page; page_parts, markup, page.css and page.js are its pieces
writer      any of them
attachments reports as OCI artifacts that refer to the image
attaching   attaches them after scans
"""
