#include "groundglass/io/dicom_series.h"

#include "groundglass/core/files.h"
#include "groundglass/io/dicom_folder.h"
#include "tests/complaint.h"
#include "tests/io/dicom_samples.h"

namespace groundglass {
namespace {
namespace fs = std::filesystem;

class Dicom : public VolumeTest {
 protected:
  void SetUp() override {
    VolumeTest::SetUp();
    series = folder / "series";
    write_box_series(series, grid);
  }

  std::string complaint() const {
    return groundglass::complaint(ErrorKind::data, [&] { open_dicom_series(series); });
  }
  fs::path file(int number) const { return series / ("000" + std::to_string(number) + ".dcm"); }

  /// Moves a slice to another height.
  void move(int number, double z_mm) const {
    set_tag(file(number), DCM_ImagePositionPatient, ("0\\0\\" + std::to_string(z_mm)).c_str());
  }

  Geometry grid = [] {
    Geometry g;
    g.spacing_mm = {0.7, 0.8, 2.5};
    return g;
  }();
  fs::path series;
};

TEST_F(Dicom, ComesBackOnTheSameGridWhateverTheFilesAreCalled) {
  const auto voxels = box_in_air();
  for (const auto& g : all_kinds_of_grids()) {
    SCOPED_TRACE(describe(g));
    fs::remove_all(series);
    write_box_series(series, g);
    const std::array<const char*, 5> names = {"IM7", "z.dcm", "A", "m1.dcm", "0"};
    for (int i = 0; i < 5; ++i) fs::rename(file(i + 1), series / names[static_cast<size_t>(i)]);
    const Volume back = read_volume(series);
    EXPECT_EQ(back.voxels.scalar_type(), torch::kInt16);
    EXPECT_EQ(back.units, Units::hu);
    EXPECT_TRUE(back.warnings.empty());
    expect_near(centroid_mm(back.voxels, back.geometry), centroid_mm(voxels, g), 1e-4);
    expect_near(back.geometry.spacing_mm, g.spacing_mm, 1e-4);
    // A mirrored stack cannot be stored: its slices come back in the other order.
    const double handed = g.direction[0] * g.direction[4] * g.direction[8];
    const bool mirrored = g.direction[1] == 0 && g.direction[5] == 0 && handed < 0;
    EXPECT_TRUE(back.voxels.equal(mirrored ? voxels.flip(0) : voxels));
    if (!mirrored) expect_same_grid(back.geometry, g);
  }
}

TEST_F(Dicom, KnowsTheFileBehindEachSlice) {
  fs::rename(file(1), series / "last");
  fs::rename(file(5), series / "first");
  const auto reader = open_dicom_series(series);
  ASSERT_EQ(reader->slices().size(), 5U);
  EXPECT_EQ(reader->slices().front().path.filename(), "last");
  EXPECT_EQ(reader->slices().back().path.filename(), "first");
  EXPECT_TRUE(reader->read_slice(4).equal(box_in_air()[4]));
}

TEST_F(Dicom, ReadsOneFileAsOneSlice) {
  const auto reader = open_volume(file(4));
  EXPECT_EQ(reader->info().depth, 1);
  EXPECT_EQ(reader->info().geometry.spacing_mm[2], 2.5);  // the slice thickness
  EXPECT_EQ(reader->info().geometry.origin_mm[2], 7.5);
  EXPECT_TRUE(reader->read_slice(0).equal(box_in_air()[3]));

  remove_tag(file(4), DCM_SliceThickness);
  const auto info = open_volume(file(4))->info();
  ASSERT_EQ(info.warnings.size(), 1U);
  expect_contains(info.warnings[0], "one slice without SliceThickness");
}

TEST_F(Dicom, SkipsWhatIsNoImageWithOneWarning) {
  write_file(series / "readme.txt", "hello");
  write_file(series / ".DS_Store", "hidden files are no news");
  fs::copy_file(file(1), series / "report.dcm");
  edit_dicom(series / "report.dcm", [](DcmDataset& data) {
    data.putAndInsertString(DCM_Modality, "SR");
    data.findAndDeleteElement(DCM_PixelData);
  });
  fs::copy_file(file(1), series / "seg.dcm");
  set_tag(series / "seg.dcm", DCM_Modality, "SEG");
  const auto info = open_volume(series)->info();
  EXPECT_EQ(info.depth, 5);
  ASSERT_EQ(info.warnings.size(), 1U);
  EXPECT_EQ(info.warnings[0],
            series.string() +
                ": skipped what is no DICOM image (3 files: readme.txt, report.dcm and seg.dcm)");
}

TEST_F(Dicom, SkipsAScoutAndAReportOfOtherSeriesInOneFolder) {
  fs::copy_file(file(1), series / "scout.dcm");
  edit_dicom(series / "scout.dcm", [](DcmDataset& data) {
    data.putAndInsertString(DCM_SeriesInstanceUID, "1.2.3");
    data.putAndInsertString(DCM_ImageType, "ORIGINAL\\PRIMARY\\LOCALIZER");
  });
  fs::copy_file(file(1), series / "dose.dcm");
  edit_dicom(series / "dose.dcm", [](DcmDataset& data) {
    data.putAndInsertString(DCM_SeriesInstanceUID, "1.2.4");
    data.putAndInsertString(DCM_SOPClassUID, UID_SecondaryCaptureImageStorage);
  });
  const auto info = open_volume(series)->info();
  EXPECT_EQ(info.depth, 5);
  ASSERT_EQ(info.warnings.size(), 1U);
  expect_contains(info.warnings[0], "skipped what is of another series");
  expect_contains(info.warnings[0],
                  "a localizer (scout view), expected CT slices (1 file: scout.dcm)");
  expect_contains(info.warnings[0], "a secondary capture");
  EXPECT_EQ(why_no_ct_series(series), "");
  for (int i = 1; i <= 5; ++i) fs::remove(file(i));
  expect_contains(why_no_ct_series(series), "a localizer (scout view)");
  expect_contains(complaint(), "a localizer (scout view)");
}

TEST_F(Dicom, TellsALinkToItselfAndGoesOn) {
  fs::create_symlink("loop.dcm", series / "loop.dcm");
  const auto info = open_volume(series)->info();
  EXPECT_EQ(info.depth, 5);
  ASSERT_EQ(info.warnings.size(), 1U);
  expect_contains(info.warnings[0], "loop.dcm: cannot be looked at");
}

TEST_F(Dicom, WarnsOfMissingTagsAndGoesOn) {
  remove_tag(file(2), DCM_Modality);
  for (int i = 1; i <= 5; ++i) remove_tag(file(i), DCM_RescaleIntercept);
  set_tag(file(4), DCM_RescaleType, "US");
  const auto reader = open_volume(series);
  ASSERT_EQ(reader->info().warnings.size(), 3U);
  expect_contains(reader->info().warnings[0], "no Modality, CT is assumed, in 1 of 5 files");
  expect_contains(reader->info().warnings[1], "no RescaleSlope or RescaleIntercept");
  expect_contains(reader->info().warnings[2], "RescaleType is not HU");
  EXPECT_EQ(reader->read_slice(2)[0][0].item<int16_t>(), 24);  // -1000 as stored
}

TEST_F(Dicom, WarnsWhereSpacingBetweenSlicesIsNotTheirDistance) {
  for (int i = 1; i <= 5; ++i) set_tag(file(i), DCM_SpacingBetweenSlices, "-2.5");
  EXPECT_TRUE(open_volume(series)->info().warnings.empty());
  for (int i = 1; i <= 5; ++i) set_tag(file(i), DCM_SpacingBetweenSlices, "1.25");
  const auto warnings = open_volume(series)->info().warnings;
  ASSERT_EQ(warnings.size(), 1U);
  expect_contains(warnings[0],
                  "SpacingBetweenSlices is 1.25 mm and the slices lie 2.50 mm apart; their "
                  "positions are used (are slices missing?)");
}

TEST_F(Dicom, WarnsOfPixelsOfNoCredibleSize) {
  for (int i = 1; i <= 5; ++i) set_tag(file(i), DCM_PixelSpacing, "703.0\\703.0");
  const auto warnings = open_volume(series)->info().warnings;
  ASSERT_EQ(warnings.size(), 1U);
  expect_contains(warnings[0], "its voxels measure 703 x 703 x 2.5 mm, unlike those of any chest");
}

TEST_F(Dicom, WarnsOfMorePixelsThanTheHeaderTellsOfAndRefusesTwiceAsMany) {
  Uint16 rows = 0;
  const auto with_rows = [&](int change) {
    edit_dicom(file(2), [&](DcmDataset& data) {
      if (rows == 0) data.findAndGetUint16(DCM_Rows, rows);
      data.putAndInsertUint16(DCM_Rows, static_cast<Uint16>(change));
    });
  };
  edit_dicom(file(1), [](DcmDataset& data) {
    const Uint16* raw = nullptr;
    unsigned long count = 0;
    data.findAndGetUint16Array(DCM_PixelData, raw, &count);
    std::vector<Uint16> longer(raw, raw + count);
    longer.resize(count + 5);
    data.putAndInsertUint16Array(DCM_PixelData, longer.data(), longer.size());
  });
  const auto warnings = open_volume(series)->info().warnings;
  ASSERT_EQ(warnings.size(), 1U);
  expect_contains(warnings[0],
                  "more bytes of pixels than Rows and Columns tell of, the rest is passed over, in "
                  "1 of 5 files");
  with_rows(1);
  const std::string said = complaint();
  expect_contains(said, "0002.dcm: holds ");
  expect_contains(said, ": Rows, Columns, BitsAllocated or NumberOfFrames are wrong");
}

TEST_F(Dicom, RefusesNumbersThatStandForColours) {
  for (int i = 1; i <= 5; ++i) set_tag(file(i), DCM_PhotometricInterpretation, "PALETTE COLOR");
  expect_contains(complaint(),
                  "PhotometricInterpretation is PALETTE COLOR, whose numbers are no gray values, "
                  "expected MONOCHROME2 (5 files");
}

TEST_F(Dicom, WarnsOfGantryTilt) {
  for (int i = 0; i < 5; ++i) {
    const double y = 2.5 * i * std::tan(12 * M_PI / 180);
    set_tag(file(i + 1), DCM_ImagePositionPatient,
            ("0\\" + std::to_string(y) + "\\" + std::to_string(2.5 * i)).c_str());
  }
  const auto info = open_volume(series)->info();
  ASSERT_EQ(info.warnings.size(), 2U);
  expect_contains(info.warnings[0], "by 12.0 degrees (gantry tilt)");
  const double across = 4 * 2.5 * std::tan(12 * M_PI / 180);
  expect_near(to_patient_mm(info.geometry, {0, 0, 4}), {0, across, 10}, 1e-5);
  const auto& mm = info.geometry.spacing_mm;  // volumes are those of upright slices
  EXPECT_NEAR(voxel_mm3(info.geometry), mm[0] * mm[1] * 2.5, 1e-5);
}

TEST_F(Dicom, RefusesSeveralSeriesAndListsThem) {
  DicomSeriesOptions other;
  other.seed = 2;
  other.series_description = "thick";
  write_dicom_series(folder / "b", volume_in_hu(box_in_air().slice(0, 0, 2), grid), other);
  fs::rename(folder / "b" / "0001.dcm", series / "b1.dcm");
  fs::rename(folder / "b" / "0002.dcm", series / "b2.dcm");
  const std::string said = complaint();
  expect_contains(said, series.string() + ": holds 2 series (");
  expect_contains(said, " 'synthetic, research only' with 5 slices");
  expect_contains(said, " 'thick' with 2 slices");
  expect_contains(said, "give a folder with the files of one series");
}

TEST_F(Dicom, RefusesMissingSlicesByPosition) {
  fs::remove(file(3));
  const std::string said = complaint();
  expect_contains(said,
                  "1 slice is missing between 0002.dcm (at 2.50 mm) and 0004.dcm (at 7.50 "
                  "mm): 5.00 mm, expected 2.50 mm");
}

TEST_F(Dicom, RefusesUnevenDistancesButNotSmallOnes) {
  move(3, 5.2);
  EXPECT_EQ(open_dicom_series(series)->info().depth, 5);
  move(3, 5.5);
  expect_contains(complaint(),
                  "uneven distance between 0002.dcm (at 2.50 mm) and 0003.dcm (at "
                  "5.50 mm): 3.00 mm, expected 2.50 mm");
}

TEST_F(Dicom, RefusesDoubledSlicesByName) {
  fs::copy_file(file(2), series / "copy.dcm");
  const std::string said = complaint();
  expect_contains(said,
                  "two slices at one position: 0002.dcm (at 2.50 mm) and copy.dcm (at 2.50 "
                  "mm)");
}

TEST_F(Dicom, SaysEverythingAtOnce) {
  write_file(series / "broken.dcm", read_file(file(5)).substr(0, 400));
  fs::copy_file(file(2), series / "copy.dcm");
  remove_tag(file(3), DCM_ImagePositionPatient);
  remove_tag(file(5), DCM_ImagePositionPatient);
  const std::string said = complaint();
  expect_contains(said, ": 3 problems\n");
  expect_contains(said, "\n  broken.dcm: cannot be read as DICOM");
  expect_contains(said, "\n  two slices at one position");
  expect_contains(said, "\n  no ImagePositionPatient (2 files: 0003.dcm and 0005.dcm)");
}

TEST_F(Dicom, NamesFilesAlsoWhereTheFolderEndsInASlash) {
  write_file(series / "broken.dcm", "");
  expect_contains(groundglass::complaint(ErrorKind::data, [&] { open_dicom_series(series / ""); }),
                  "/: broken.dcm: cannot be read as DICOM");
}

TEST_F(Dicom, SaysHowManyMoreProblemsThereAre) {
  for (int i = 0; i < 15; ++i) write_file(series / ("x" + std::to_string(i) + ".dcm"), "DICM");
  const std::string said = complaint();
  expect_contains(said, ": 15 problems\n");
  expect_contains(said, "\n  and 5 more");
}

TEST_F(Dicom, RefusesSlicesThatAreNotAlike) {
  set_tag(file(2), DCM_PixelSpacing, "0.8\\0.8");
  set_tag(file(3), DCM_ImageOrientationPatient, "0\\1\\0\\-1\\0\\0");
  edit_dicom(file(4), [](DcmDataset& data) {
    data.putAndInsertUint16(DCM_Rows, 7);
    data.putAndInsertUint16(DCM_Columns, 6);
  });
  const std::string said = complaint();
  expect_contains(said, "another pixel spacing than 0001.dcm (1 file: 0002.dcm)");
  expect_contains(said, "another orientation than 0001.dcm (1 file: 0003.dcm)");
  expect_contains(said, "another size (7 x 6) than 0001.dcm (6 x 7) (1 file: 0004.dcm)");
}

TEST_F(Dicom, RefusesWhatIsNoCtSlice) {
  set_tag(file(1), DCM_Modality, "MR");
  set_tag(file(2), DCM_SOPClassUID, UID_SecondaryCaptureImageStorage);
  set_tag(file(3), DCM_ImageType, "ORIGINAL\\PRIMARY\\LOCALIZER");
  edit_dicom(file(4), [](DcmDataset& data) {
    data.putAndInsertString(DCM_NumberOfFrames, "2");
    data.putAndInsertUint16(DCM_Rows, 3);
  });
  set_tag(file(5), DCM_SOPClassUID, UID_EnhancedCTImageStorage);
  const std::string said = complaint();
  expect_contains(said, "Modality is MR, which has no HU; expected CT (1 file: 0001.dcm)");
  expect_contains(said, "a secondary capture (a picture of a screen), expected CT slices");
  expect_contains(said, "a localizer (scout view), expected CT slices (1 file: 0003.dcm)");
  expect_contains(said,
                  "several frames in one file (enhanced CT), expected one slice per file; split "
                  "it, e.g. with dcm4che's emf2sf (2 files: 0004.dcm and 0005.dcm)");
}

TEST_F(Dicom, RefusesWhatAGridCannotBeMadeOf) {
  remove_tag(file(1), DCM_ImageOrientationPatient);
  set_tag(file(2), DCM_ImageOrientationPatient, "1\\0\\0\\1\\0\\0");
  remove_tag(file(3), DCM_PixelSpacing);
  edit_dicom(file(4), [](DcmDataset& data) { data.insertEmptyElement(DCM_ModalityLUTSequence); });
  const std::string said = complaint();
  expect_contains(said,
                  "no ImageOrientationPatient, or one that spans no plane (2 files: 0001.dcm "
                  "and 0002.dcm)");
  expect_contains(said, "no PixelSpacing (1 file: 0003.dcm)");
  expect_contains(said, "a modality lookup table, expected slope and intercept");
}

TEST_F(Dicom, RefusesTruncatedFiles) {
  const std::string whole = read_file(file(2));
  write_file(file(2), whole.substr(0, whole.size() - 20));
  expect_contains(complaint(), "0002.dcm: cannot be read as DICOM: it is truncated, damaged or");
  edit_dicom(file(3), [](DcmDataset& data) {
    const std::vector<Uint16> few(10);
    data.putAndInsertUint16Array(DCM_PixelData, few.data(), few.size());
  });
  expect_contains(complaint(), "0003.dcm: is truncated: it holds 20 bytes of pixels, expected 84");
  expect_contains(groundglass::complaint(ErrorKind::data, [&] { open_volume(file(2)); }),
                  file(2).string() + ": cannot be read as DICOM");
}

TEST_F(Dicom, RefusesAFolderWithoutImages) {
  fs::remove_all(series);
  fs::create_directories(series);
  EXPECT_EQ(complaint(), series.string() + ": holds no DICOM images");
  write_box_series(series / "inner", grid);
  EXPECT_EQ(complaint(),
            series.string() + ": holds no DICOM images; give the subfolder that holds one series");
}

TEST_F(Dicom, SaysWhatAFileWithoutAnImageIsAndWhatToDo) {
  const auto said = [&](const char* sop_class, const char* modality) {
    fs::copy_file(file(1), folder / "one.dcm", fs::copy_options::overwrite_existing);
    edit_dicom(folder / "one.dcm", [&](DcmDataset& data) {
      data.findAndDeleteElement(DCM_PixelData);
      data.putAndInsertString(DCM_SOPClassUID, sop_class);
      data.putAndInsertString(DCM_Modality, modality);
    });
    const std::string whole =
        groundglass::complaint(ErrorKind::data, [&] { open_volume(folder / "one.dcm"); });
    const std::string path = (folder / "one.dcm").string() + ": ";
    EXPECT_TRUE(whole.starts_with(path)) << whole;
    return whole.substr(std::min(whole.size(), path.size()));
  };
  EXPECT_EQ(
      said(UID_EnhancedSRStorage, "SR"),
      "is a structured report (SR), no DICOM image; `groundglass inspect` tells what it says");
  EXPECT_EQ(said(UID_RawDataStorage, "CT"),
            "is raw data of the scanner, no DICOM image; export the reconstructed slices");
  EXPECT_EQ(said(UID_SegmentationStorage, "SEG"),
            "is a segmentation (SEG), no DICOM image; `groundglass inspect` describes it, and "
            "`evaluate` takes it as a mask");
  EXPECT_EQ(said(UID_EncapsulatedPDFStorage, "DOC"),
            "is an encapsulated PDF, no DICOM image; dcm2pdf takes it out");
  EXPECT_EQ(said(UID_UltrasoundImageStorage, "US"),
            "is an object of the class UltrasoundImageStorage without pixels to segment, no DICOM "
            "image; expected CT slices or a chest X-ray (CR, DX)");
  EXPECT_TRUE(says(said("1.2.3", "CT"), {"of the class 1.2.3"}));
  fs::create_directories(folder / "reports");
  said(UID_EnhancedSRStorage, "SR");
  fs::copy_file(folder / "one.dcm", folder / "reports/r.dcm");
  EXPECT_EQ(why_no_ct_series(folder / "reports"),
            "a structured report (SR), no DICOM image to segment (1 file: r.dcm)");
}

TEST_F(Dicom, TakesNoMapOfSomethingElseForHu) {
  for (int i = 1; i <= 5; ++i) set_tag(file(i), DCM_RescaleType, "US");
  EXPECT_EQ(open_volume(series)->info().warnings.size(), 1U) << "not specified";
  for (int i = 1; i <= 5; ++i) set_tag(file(i), DCM_RescaleType, "Z_EFF");
  EXPECT_TRUE(says(complaint(), {"RescaleType is Z_EFF (effective atomic numbers), expected HU"}));
  for (int i = 1; i <= 5; ++i) set_tag(file(i), DCM_RescaleType, "HU");
  for (int i = 1; i <= 5; ++i) set_tag(file(i), DCM_SOPClassUID, UID_MRImageStorage);
  EXPECT_TRUE(says(complaint(), {"its SOP class is that of MR images, which have no HU, though its "
                                 "Modality is CT; expected CT"}));
  EXPECT_EQ(why_no_ct_series(series).substr(0, 12), "its SOP clas");
}

TEST_F(Dicom, PrintsNothing) {
  testing::internal::CaptureStderr();
  testing::internal::CaptureStdout();
  write_file(series / "text.dcm", "this is no DICOM file, whatever its name says");
  write_file(series / "broken.dcm", read_file(file(5)).substr(0, 400));
  complaint();
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "");
}

}  // namespace
}  // namespace groundglass
