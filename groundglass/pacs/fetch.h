#pragma once

#include <ctime>
#include <filesystem>
#include <string>
#include <vector>

#include "groundglass/pacs/query.h"
#include "groundglass/pacs/site.h"

namespace groundglass {

/// Throws Error(usage) unless a study, patient, accession number or date is named and UIDs are
/// UIDs.
void check_query(const StudyQuery& query);

/// Study dates from a day on, "20260101-", for StudyQuery: `since` is that day, "20260101", or how
/// many days it lies back from the day that `now` is here, "3d". Throws Error(usage) for anything
/// else.
std::string dates_since(const std::string& since, std::time_t now);

/// How many images of a series are here already: in its folder under `folder`, as retrieve_series()
/// writes them, or, if that is empty, in the site's queue.
int64_t images_here(const Site& site, const std::string& series,
                    const std::filesystem::path& folder);

/// The series that match at one of a site's destinations, by C-FIND or DICOMweb. Throws Error(data)
/// if it is not there or refuses.
std::vector<FoundSeries> find_series(const Site& site, const Destination& from,
                                     const StudyQuery& query);

/// Where fetched images go.
struct FetchTo {
  std::filesystem::path folder;  ///< empty: a DICOM node is asked to send to `move_to`
  std::string move_to = {};      ///< AE title; empty: the site's own
};

/// Brings a series, by C-MOVE to a listener of the site or DICOMweb, into
/// FOLDER/<SeriesInstanceUID>/<SOPInstanceUID>.dcm and returns how many images came. Throws
/// Error(usage) for a DICOMweb service without a folder and a port that cannot be bound;
/// Error(data) if the destination refuses, and for what is no image of the series.
int64_t retrieve_series(const Site& site, const Destination& from, const FoundSeries& series,
                        const FetchTo& to);

}  // namespace groundglass
