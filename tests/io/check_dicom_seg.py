"""Compares a DICOM Segmentation with class numbers, by pydicom: check_dicom_seg.py SEG SERIES LABELS.

SERIES is the folder of the source, LABELS a file of one byte for each voxel, slices in the order
along their normal. Prints "equal N frames" or what differs.
"""
import pathlib
import sys

import numpy
import pydicom

seg = pydicom.dcmread(sys.argv[1])
slices = [pydicom.dcmread(path) for path in pathlib.Path(sys.argv[2]).glob("*.dcm")]
cosines = numpy.array(slices[0].ImageOrientationPatient, float)
normal = numpy.cross(cosines[:3], cosines[3:])
slices.sort(key=lambda s: numpy.dot(normal, numpy.array(s.ImagePositionPatient, float)))
labels = numpy.fromfile(sys.argv[3], numpy.uint8).reshape(len(slices), seg.Rows, seg.Columns)
place = {s.SOPInstanceUID: k for k, s in enumerate(slices)}

pixels = seg.pixel_array.reshape(-1, seg.Rows, seg.Columns)
found = [numpy.zeros(labels.shape, bool) for _ in seg.SegmentSequence]
for frame, group in zip(pixels, seg.PerFrameFunctionalGroupsSequence):
    source = group.DerivationImageSequence[0].SourceImageSequence[0].ReferencedSOPInstanceUID
    k = place[source]
    position = group.PlanePositionSequence[0].ImagePositionPatient
    if list(position) != list(slices[k].ImagePositionPatient):
        sys.exit(f"frame of {source} lies elsewhere: {position}")
    number = group.SegmentIdentificationSequence[0].ReferencedSegmentNumber
    found[number - 1][k] = frame
    if list(group.FrameContentSequence[0].DimensionIndexValues) != [number, k + 1]:
        sys.exit("dimension index differs")
for number, mask in enumerate(found, 1):
    if not numpy.array_equal(mask, labels == number):
        sys.exit(f"segment {number} differs in {(mask != (labels == number)).sum()} voxels")
for name in ["PatientName", "PatientID", "StudyInstanceUID", "FrameOfReferenceUID"]:
    if getattr(seg, name) != getattr(slices[0], name):
        sys.exit(f"{name} differs")
listed = {i.ReferencedSOPInstanceUID for i in seg.ReferencedSeriesSequence[0].ReferencedInstanceSequence}
if listed != set(place):
    sys.exit("ReferencedSeriesSequence lacks images")
print("equal", len(pixels), "frames")
