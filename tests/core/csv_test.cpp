#include "groundglass/core/csv.h"

#include "groundglass/core/files.h"
#include "tests/complaint.h"

namespace groundglass {
namespace {

using Cells = std::vector<std::string>;

TEST(Csv, ReadsHeaderAndRowsWithTheirLines) {
  const auto table = parse_csv("case,dice\nP1,0.5\n\nP2,0.75\n", "t.csv");
  EXPECT_EQ(table.header, (Cells{"case", "dice"}));
  ASSERT_EQ(table.rows.size(), 2U);
  EXPECT_EQ(table.rows[0].line, 2);
  EXPECT_EQ(table.rows[1].line, 4);
  EXPECT_EQ(table.rows[1].cells, (Cells{"P2", "0.75"}));
  EXPECT_EQ(table.column("dice"), 1);
  EXPECT_EQ(table.column("iou"), -1);
}

TEST(Csv, KnowsColumnsWhateverBlanksAndCapitalsTheirNamesHave) {
  const auto table = parse_csv("image, infection ,Patient\na,b,c\n", "t.csv");
  EXPECT_EQ(table.header, (Cells{"image", "infection", "Patient"}));
  EXPECT_EQ(table.column("infection"), 1);
  EXPECT_EQ(table.column("patient"), 2);
  EXPECT_EQ(parse_csv("\xe2\x80\x8bmask\xc2\xa0,b\n1,2\n", "t.csv").header, (Cells{"mask", "b"}));
  EXPECT_EQ(without_blanks(" \xc2\xa0\t"), "");
  EXPECT_EQ(parse_csv("Mask,mask\n1,2\n", "t.csv").column("mask"), 1);  // the exact one first
}

TEST(Csv, ReadsQuotedCells) {
  const auto table =
      parse_csv("a,b\n\"x,y\",\"say \"\"hi\"\"\"\n\"two\nlines\",\"\"\nz,w", "t.csv");
  ASSERT_EQ(table.rows.size(), 3U);
  EXPECT_EQ(table.rows[0].cells, (Cells{"x,y", "say \"hi\""}));
  EXPECT_EQ(table.rows[1].cells, (Cells{"two\nlines", ""}));
  EXPECT_EQ(table.rows[2].cells, (Cells{"z", "w"}));
  EXPECT_EQ(table.rows[2].line, 5);  // the quoted line break counts
}

TEST(Csv, ToleratesAMarkOfByteOrderCarriageReturnsAndAMissingLastBreak) {
  const auto table = parse_csv(
      "\xef\xbb\xbf"
      "a,b\r\n1,2\r\n3,4",
      "t.csv");
  EXPECT_EQ(table.header, (Cells{"a", "b"}));
  ASSERT_EQ(table.rows.size(), 2U);
  EXPECT_EQ(table.rows[0].cells, (Cells{"1", "2"}));
  EXPECT_EQ(table.rows[1].cells, (Cells{"3", "4"}));
}

TEST(Csv, ReadsLinesThatEndInACarriageReturnAlone) {
  const auto table = parse_csv("a,b\r1,2\r\r\"x\ry\",4\r", "t.csv");
  EXPECT_EQ(table.header, (Cells{"a", "b"}));
  ASSERT_EQ(table.rows.size(), 2U);
  EXPECT_EQ(table.rows[0].cells, (Cells{"1", "2"}));
  EXPECT_EQ(table.rows[1].cells, (Cells{"x\ry", "4"}));
  EXPECT_EQ(table.rows[1].line, 4);
}

TEST(Csv, KeepsEmptyCells) {
  const auto table = parse_csv("a,b,c\n,,\n1,,3\n", "t.csv");
  ASSERT_EQ(table.rows.size(), 2U);
  EXPECT_EQ(table.rows[0].cells, (Cells{"", "", ""}));
  EXPECT_EQ(table.rows[1].cells, (Cells{"1", "", "3"}));
}

TEST(Csv, RefusesWithFileAndLine) {
  const auto refusal = [](const char* text) {
    return complaint(ErrorKind::data, [&] { parse_csv(text, "cases.csv"); });
  };
  EXPECT_EQ(refusal("a,b\n1,2\n1,2,3\n"), "cases.csv:3: 3 cells, expected 2 as in the header");
  EXPECT_EQ(refusal("a,b\n\"x\ny\",2\n1\n"), "cases.csv:4: 1 cells, expected 2 as in the header");
  EXPECT_EQ(refusal("a,b\n1,2\n1,\"open\n3,4\n"), "cases.csv:3: a quote is never closed");
  EXPECT_EQ(refusal("a,b,a\n1,2,3\n"), "cases.csv:1: column 'a' is named twice");
  EXPECT_EQ(refusal("a;b\n1;2\n"),
            "cases.csv:1: semicolons separate its cells, expected commas; save it as CSV with "
            "commas (UTF-8)");
  EXPECT_EQ(refusal("a\tb\n").substr(0, 16), "cases.csv:1: tab");
  EXPECT_EQ(complaint(ErrorKind::data,
                      [&] {
                        parse_csv(std::string_view("\xff\xfe"
                                                   "a\0,\0",
                                                   6),
                                  "cases.csv");
                      }),
            "cases.csv: holds zero bytes, as a table in UTF-16 does, expected UTF-8; save it as "
            "CSV with commas (UTF-8)");
  EXPECT_EQ(refusal(""), "cases.csv: is empty, expected a header line");
  EXPECT_EQ(refusal("\n\n"), "cases.csv: is empty, expected a header line");
}

TEST(Csv, WritesWhatItReads) {
  const Cells cells = {"plain", "a,b", "say \"hi\"", "two\nlines", "", " space "};
  EXPECT_EQ(csv_line(cells), "plain,\"a,b\",\"say \"\"hi\"\"\",\"two\nlines\",, space \n");
  const auto table = parse_csv("1,2,3,4,5,6\n" + csv_line(cells), "t.csv");
  ASSERT_EQ(table.rows.size(), 1U);
  EXPECT_EQ(table.rows[0].cells, cells);
}

TEST(Csv, ReadsFilesAndNamesThem) {
  const auto path = std::filesystem::path(testing::TempDir()) / "csv_test.csv";
  write_file(path, "a\n1\n");
  EXPECT_EQ(read_csv(path).rows.size(), 1U);
  std::filesystem::remove(path);
  const auto text = complaint(ErrorKind::data, [&] { read_csv(path); });
  EXPECT_EQ(text.rfind(path.string() + ": cannot be opened", 0), 0U) << text;
}

}  // namespace
}  // namespace groundglass
