"""Compares a DICOM Segmentation with an X-ray and its mask, by pydicom: check_xray_seg.py SEG XRAY
MASK, a PNG. Prints "equal N pixels" or what differs.
"""
import sys

import numpy
import PIL.Image
import pydicom

seg, xray = pydicom.dcmread(sys.argv[1]), pydicom.dcmread(sys.argv[2])
mask = numpy.array(PIL.Image.open(sys.argv[3])) != 0
frame = seg.pixel_array.reshape(-1, seg.Rows, seg.Columns)
if seg.NumberOfFrames != 1 or not numpy.array_equal(frame[0] != 0, mask):
    sys.exit(f"{seg.NumberOfFrames} frames, {(frame[0] != mask).sum()} pixels differ")
for name in ["FrameOfReferenceUID", "ImagePositionPatient"]:
    if name in seg:
        sys.exit(f"has a {name}")
for name in ["PatientName", "PatientID", "StudyInstanceUID", "PatientOrientation"]:
    if seg[name].value != xray[name].value:
        sys.exit(f"{name} differs")
group = seg.PerFrameFunctionalGroupsSequence[0]
source = group.DerivationImageSequence[0].SourceImageSequence[0]
if source.ReferencedSOPInstanceUID != xray.SOPInstanceUID:
    sys.exit("names another picture")
print("equal", mask.sum(), "pixels")
