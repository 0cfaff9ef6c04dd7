#include "groundglass/io/dicom_seg.h"

#include <set>

#include "groundglass/core/files.h"
#include "groundglass/io/dicom_capture.h"
#include "groundglass/io/dicom_seg_reader.h"
#include "groundglass/io/dicom_sr.h"
#include "groundglass/io/dicom_sr_reader.h"
#include "groundglass/io/volume_reader.h"
#include "tests/complaint.h"
#include "tests/io/dicom_object_samples.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {

class DicomSeg : public VolumeTest {
 protected:
  /// A series on that grid, and what is read back of a segmentation of it.
  std::vector<uint8_t> read_back(const Geometry& grid, const std::vector<uint8_t>& labels) {
    fs::remove_all(folder / "in");
    write_box_series(folder / "in", grid);
    written = write_segmentation(folder / "in", labels, folder, "a_seg.dcm");
    const auto info = open_dicom_series(folder / "in")->info();
    return labels_on_grid(read_dicom_segmentation(folder / "a_seg.dcm"), info.geometry,
                          {info.depth, info.height, info.width});
  }

  DicomObject written;
};

const std::vector<uint8_t> kNothing(5 * 6 * 7, 0);

TEST(HashedUid, IsHmacSha256AsRfc4231HasItAndAUuidInDecimal) {
  EXPECT_EQ(hmac_sha256("Jefe", "what do ya want for nothing?"),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(hmac_sha256(std::string(131, '\xaa'),
                        "Test Using Larger Than Block-Size Key - Hash Key First"),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
  // 5bdcc146bf60 854e aa04 2426089575c7
  EXPECT_EQ(hashed_uid("Jefe", "what do ya want for nothing?"),
            "2.25.122105973035558210563817733617003886023");
}

TEST(KeySlices, AreThoseWithMostLesionAndThenOthersAtEvenDistances) {
  EXPECT_EQ(key_slices({0, 5, 9, 1, 0, 7}, 2), (std::vector<size_t>{2, 5}));
  EXPECT_EQ(key_slices({0, 5, 0, 0, 0, 0}, 3), (std::vector<size_t>{1, 2, 4}));
  EXPECT_EQ(key_slices({0, 0}, 12), (std::vector<size_t>{0, 1}));
}

TEST_F(DicomSeg, IsReadBackVoxelByVoxelOnEveryGrid) {
  const auto labels = sample_labels(5, 6 * 7);
  for (const Geometry& grid : all_kinds_of_grids()) {
    EXPECT_EQ(read_back(grid, labels), labels) << describe(grid);
    EXPECT_EQ(errors_in(folder / "a_seg.dcm"), "") << describe(grid);
    EXPECT_EQ(read_back(grid, kNothing), kNothing) << describe(grid);
    EXPECT_EQ(errors_in(folder / "a_seg.dcm"), "") << describe(grid);
  }
}

TEST_F(DicomSeg, ConformsAsDciodvfySeesIt) {
  if (!is_installed("dciodvfy")) GTEST_SKIP() << "dicom3tools are not installed";
  EXPECT_NE(printed_by("dciodvfy " + (folder / "nothing.dcm").string()), "");
  read_back({}, sample_labels(5, 6 * 7));
  EXPECT_EQ(errors_in(folder / "a_seg.dcm"), "");
}

TEST_F(DicomSeg, HoldsTheSameMasksInPydicom) {
  if (std::system("/usr/bin/python3 -c 'import pydicom, numpy' > /dev/null 2>&1") != 0) {
    GTEST_SKIP() << "python3-pydicom and python3-numpy are not installed";
  }
  const auto labels = sample_labels(5, 6 * 7);
  for (const Geometry& grid : all_kinds_of_grids()) {
    read_back(grid, labels);
    write_file(folder / "labels", std::string(labels.begin(), labels.end()));
    const std::string said =
        printed_by("/usr/bin/python3 '" + std::string(GROUNDGLASS_SOURCE_DIR) +
                   "/tests/io/check_dicom_seg.py' '" + (folder / "a_seg.dcm").string() + "' '" +
                   (folder / "in").string() + "' '" + (folder / "labels").string() + "'");
    EXPECT_EQ(said, "equal 6 frames\n") << describe(grid);
  }
}

TEST_F(DicomSeg, SaysThatNothingWasFoundWithOneEmptyFrameForEachSegment) {
  read_back({}, kNothing);
  const auto stored = read_dicom_segmentation(folder / "a_seg.dcm");
  EXPECT_EQ(stored.frames.size(), 2U);
  EXPECT_EQ(stored.segments.size(), 2U);
  EXPECT_EQ(std::count(stored.pixels.begin(), stored.pixels.end(), 0), 2 * 6 * 7);
}

TEST_F(DicomSeg, KeepsNamesOfEveryCharacterSetByteForByte) {
  write_box_series(folder / "in", {});
  for (const auto& [set, name] :
       {std::pair<const char*, const char*>{"ISO_IR 192", "M\xc3\xbcller^Ren\xc3\xa9"},
        {"ISO_IR 100", "M\xfcller^Ren\xe9"}}) {
    for (const auto& file : files_in_order(folder / "in")) {
      set_tag(file, DCM_SpecificCharacterSet, set);
      set_tag(file, DCM_PatientName, name);
      set_tag(file, DCM_AccessionNumber, "A17");
      set_tag(file, DCM_SeriesNumber, "9101");
    }
    write_segmentation(folder / "in", sample_labels(5, 42), folder, "a_seg.dcm");
    DcmFileFormat file;
    ASSERT_TRUE(file.loadFile((folder / "a_seg.dcm").c_str()).good());
    EXPECT_EQ(text_of(*file.getDataset(), DCM_PatientName), name);
    EXPECT_EQ(text_of(*file.getDataset(), DCM_SpecificCharacterSet), set);
    EXPECT_EQ(text_of(*file.getDataset(), DCM_AccessionNumber), "A17");
    EXPECT_EQ(text_of(*file.getDataset(), DCM_SeriesNumber), "9201");  // 9101 is taken
    EXPECT_EQ(errors_in(folder / "a_seg.dcm"), "") << set;
  }
}

TEST_F(DicomSeg, HasTheSameBytesAgainAndAnotherUidForOtherContent) {
  const auto labels = sample_labels(5, 42);
  read_back({}, labels);
  const DicomObject first = written;
  read_back({}, labels);
  EXPECT_EQ(written, first);
  DicomMaker other = sample_maker();
  other.weights_sha256 = std::string(64, 'b');
  std::set<std::string> uids = {first.sop_instance};
  uids.insert(write_segmentation(folder / "in", kNothing, folder, "b_seg.dcm").sop_instance);
  uids.insert(write_segmentation(folder / "in", labels, folder, "b.dcm", 2, other).sop_instance);
  uids.insert(write_segmentation(folder / "in", labels, folder, "b.dcm", 1).sop_instance);
  EXPECT_EQ(uids.size(), 4U);
}

TEST_F(DicomSeg, RefusesASeriesWithoutWhatItMustReferTo) {
  for (const auto& [tag, name] : {std::pair{DCM_FrameOfReferenceUID, "FrameOfReferenceUID"},
                                  std::pair{DCM_SOPInstanceUID, "SOPInstanceUID"}}) {
    write_box_series(folder / "in", {});
    for (const auto& file : files_in_order(folder / "in")) remove_tag(file, tag);
    EXPECT_TRUE(
        says(complaint(ErrorKind::data, [&] { DicomSource source(files_in_order(folder / "in")); }),
             {"0001.dcm", name}));
  }
}

TEST_F(DicomSeg, RefusesToBeLaidOnAnotherSeriesGrid) {
  read_back({}, sample_labels(5, 42));
  const auto stored = read_dicom_segmentation(folder / "a_seg.dcm");
  Geometry moved;
  moved.origin_mm = {3, 0, 0};
  Geometry higher;
  higher.origin_mm = {0, 0, 0.5};
  const auto refusal = [&](const Geometry& grid, const std::array<int64_t, 3>& shape) {
    return complaint(ErrorKind::data, [&] { labels_on_grid(stored, grid, shape); });
  };
  EXPECT_TRUE(says(refusal(moved, {5, 6, 7}), {"a_seg.dcm", "moved in their planes"}));
  EXPECT_TRUE(says(refusal(higher, {5, 6, 7}), {"does not lie on a slice", "another series"}));
  EXPECT_TRUE(says(refusal({}, {2, 6, 7}), {"does not lie on a slice"}));
  EXPECT_TRUE(says(refusal({}, {5, 7, 6}), {"7 x 6", "expected 6 x 7"}));
}

/// The layouts of other makers: orientation for each frame, one segment for all frames, bytes
/// instead of bits.
TEST_F(DicomSeg, ReadsTheLayoutsOfOtherMakers) {
  auto labels = sample_labels(5, 42);
  for (auto& label : labels) label = label == 1 ? 1 : 0;
  write_box_series(folder / "in", oblique_grid());
  write_segmentation(folder / "in", labels, folder, "a.dcm", 1);
  const auto info = open_dicom_series(folder / "in")->info();
  const auto read = [&] {
    return labels_on_grid(read_dicom_segmentation(folder / "a.dcm"), info.geometry, {5, 6, 7});
  };
  edit_dicom(folder / "a.dcm", [](DcmDataset& data) {  // highdicom: orientation in each frame
    DcmItem* shared = item_of(data, DCM_SharedFunctionalGroupsSequence);
    const std::string cosines =
        all_text_of(*item_of(*shared, DCM_PlaneOrientationSequence), DCM_ImageOrientationPatient);
    shared->findAndDeleteElement(DCM_PlaneOrientationSequence);
    for (long i = 0; DcmItem* frame = item_of(data, DCM_PerFrameFunctionalGroupsSequence, i); ++i) {
      put_text(add_item(*frame, DCM_PlaneOrientationSequence), DCM_ImageOrientationPatient,
               cosines);
    }
  });
  EXPECT_EQ(read(), labels);
  edit_dicom(folder / "a.dcm", [](DcmDataset& data) {  // dcmqi: one segment, said once
    DcmItem* shared = item_of(data, DCM_SharedFunctionalGroupsSequence);
    put_short(add_item(*shared, DCM_SegmentIdentificationSequence), DCM_ReferencedSegmentNumber, 1);
    for (long i = 0; DcmItem* frame = item_of(data, DCM_PerFrameFunctionalGroupsSequence, i); ++i) {
      frame->findAndDeleteElement(DCM_SegmentIdentificationSequence);
      frame->findAndDeleteElement(DCM_DerivationImageSequence);
    }
  });
  EXPECT_EQ(read(), labels);
  const auto bits = read_dicom_segmentation(folder / "a.dcm").pixels;
  edit_dicom(folder / "a.dcm", [&](DcmDataset& data) {
    std::vector<Uint8> bytes;
    for (const uint8_t bit : bits) bytes.push_back(bit != 0 ? 200 : 90);
    put_text(data, DCM_SegmentationType, "FRACTIONAL");
    put_short(data, DCM_MaximumFractionalValue, 200);
    put_short(data, DCM_BitsAllocated, 8);
    put_short(data, DCM_BitsStored, 8);
    put_short(data, DCM_HighBit, 7);
    data.putAndInsertUint8Array(DCM_PixelData, bytes.data(), bytes.size());
  });
  EXPECT_EQ(read(), labels);
}

TEST_F(DicomSeg, RefusesWhatIsNoSegmentationOrDamaged) {
  read_back({}, sample_labels(5, 42));
  const fs::path path = folder / "a_seg.dcm";
  const auto refusal = [&](const fs::path& of) {
    return complaint(ErrorKind::data, [&] { read_dicom_segmentation(of); });
  };
  EXPECT_TRUE(says(refusal(folder / "in/0001.dcm"), {"0001.dcm", "no DICOM Segmentation"}));
  EXPECT_TRUE(says(refusal(folder / "nothing"), {"nothing", "cannot be read"}));
  const auto changed = [&](const auto& change) {
    read_back({}, sample_labels(5, 42));
    edit_dicom(path, change);
    return refusal(path);
  };
  EXPECT_TRUE(says(
      changed([](DcmDataset& d) { put_text(d, DCM_SOPClassUID, "1.2.840.10008.5.1.4.1.1.66.7"); }),
      {"label map"}));
  EXPECT_TRUE(says(
      changed([](DcmDataset& d) { d.findAndDeleteElement(DCM_PerFrameFunctionalGroupsSequence); }),
      {"holds no frames"}));
  EXPECT_TRUE(says(changed([](DcmDataset& d) {
                     item_of(*item_of(d, DCM_PerFrameFunctionalGroupsSequence, 1),
                             DCM_PlanePositionSequence)
                         ->clear();
                   }),
                   {"frame 2", "position"}));
  EXPECT_TRUE(says(changed([](DcmDataset& d) { put_short(d, DCM_BitsAllocated, 16); }),
                   {"16 bits", "expected 1 or 8"}));
  EXPECT_TRUE(says(changed([](DcmDataset& d) {
                     const std::array<Uint8, 4> few{};
                     d.putAndInsertUint8Array(DCM_PixelData, few.data(), few.size());
                   }),
                   {"cut off", "4 bytes", "expected 32"}));
}

TEST_F(DicomSeg, RefusesClassNumbersWhereSegmentsShareVoxels) {
  read_back({}, sample_labels(5, 42));
  auto stored = read_dicom_segmentation(folder / "a_seg.dcm");
  std::fill(stored.pixels.begin(), stored.pixels.end(), uint8_t{1});
  EXPECT_TRUE(says(complaint(ErrorKind::data,
                             [&] {
                               labels_on_grid(stored, {}, {5, 6, 7});
                             }),
                   {"segments 1 and 2 share voxels", "--labels any"}));
  EXPECT_NO_THROW(labels_on_grid(stored, {}, {5, 6, 7}, Overlap::any));
  stored.frames.front().segment = 300;
  EXPECT_TRUE(says(complaint(ErrorKind::data,
                             [&] {
                               labels_on_grid(stored, {}, {5, 6, 7}, Overlap::any);
                             }),
                   {"segment 300", "at most 255"}));
}

TEST_F(DicomSeg, NamesItsObjectsByTheirSopClass) {
  read_back({}, kNothing);
  EXPECT_EQ(dicom_object_kind(folder / "a_seg.dcm"), "SEG");
  EXPECT_EQ(dicom_object_kind(folder / "in/0001.dcm"), "");
  EXPECT_EQ(dicom_object_kind(folder / "nothing"), "");
}

TEST_F(DicomSeg, IsWhatAReportRefersTo) {
  read_back({}, sample_labels(5, 42));
  const DicomSource source(files_in_order(folder / "in"));
  MeasurementReport report;
  for (int segment = 1; segment <= 2; ++segment) {
    MeasurementGroup group{segment,
                           segment == 1 ? "ground glass" : "consolidation",
                           {"112120", "DCM", "Ground glass opacity"},
                           {}};
    group.quantities.push_back(
        {{"118565006", "SCT", "Volume"}, 12.5 * segment, {"ml", "UCUM", "milliliter"}});
    group.quantities.push_back(
        {own_code("lung-share", "Share"),
         1.0 / 3,
         {"%", "UCUM", "percent"},
         {},
         MeasuredSite{{"281392002", "SCT", "Upper zone of lung"}, {"24028007", "SCT", "Right"}}});
    report.groups.push_back(group);
  }
  report.remarks.emplace_back(own_code("intended-use", "Intended use"), "Research \\ use only");
  auto object = dicom_report(source, written, report, sample_maker());
  const auto sr = save_object(object, "sr", folder, "a_sr.dcm");
  EXPECT_EQ(dicom_object_kind(folder / "a_sr.dcm"), "SR");
  const StoredReport read = read_dicom_report(folder / "a_sr.dcm");
  EXPECT_EQ(read.template_id, "1500");
  EXPECT_EQ(read.verification, "UNVERIFIED");
  EXPECT_EQ(read.source_series.at(1), written.series);
  ASSERT_EQ(read.quantities.size(), 4U);
  EXPECT_EQ(read.quantities[2].group, "consolidation");
  EXPECT_EQ(read.quantities[2].value, 25);
  EXPECT_NEAR(read.quantities[1].value, 1.0 / 3, 1e-9);
  EXPECT_EQ(read.quantities[1].site, "Upper zone of lung, Right");
  EXPECT_EQ(read.remarks.at(0), "Intended use: Research ? use only");
  EXPECT_TRUE(says(complaint(ErrorKind::data, [&] { read_dicom_report(folder / "a_seg.dcm"); }),
                   {"a_seg.dcm", "no structured report"}));
  EXPECT_TRUE(says(complaint(ErrorKind::data, [&] { read_dicom_report(folder / "no"); }),
                   {"cannot be read"}));
  EXPECT_EQ(errors_in(folder / "a_sr.dcm"), "");
  if (is_installed("dsrdump")) {
    const std::string dumped = printed_by("dsrdump '" + (folder / "a_sr.dcm").string() + "'");
    EXPECT_TRUE(says(dumped, {"Imaging Measurement Report", "Referenced Segment", "\"25\""}));
    EXPECT_EQ(dumped.find("\nE: "), std::string::npos) << dumped;
  }
}

}  // namespace
}  // namespace groundglass
