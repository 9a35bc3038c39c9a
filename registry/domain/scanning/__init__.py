"""Scans: every image that is to be looked at is a row, and what was found stays with the image.

states      what a scan's status can be
rules       which repositories are scanned, and when
requests    rows of scans that are to be done, written with the push that wants them
queue       who scans what: leases of rows
scans       what is known of an image: the interface for everybody else
findings    what was found, read out of a scanner's report
reports     reports and findings, packed and sealed
passes      the passwords by which a scanner reads one image
"""
