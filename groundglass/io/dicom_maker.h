#pragma once

#include <string>

namespace groundglass {

/// Who made an object, out of what and when; the same for every object of one job.
struct DicomMaker {
  enum class Hand { none, corrected };

  std::string model = {};                ///< name of the network
  std::string weights_sha256 = {};       ///< of its weights
  std::string options = {};              ///< whatever else changes the result, in one line
  std::string caution = {};              ///< of the model; "" for none
  std::string date = {}, time = {};      ///< of the job: "20260131", "081500"
  std::string site_key = "groundglass";  ///< of the UIDs
  Hand hand = Hand::none;                ///< whether a person has changed the network's mask
};

/// Date and time of now for a DicomMaker, local time.
void set_to_now(DicomMaker& maker);

/// A written object, as summary.json lists it.
struct DicomObject {
  std::string kind;  ///< "seg", "sr", "sc", "pdf"
  std::string file;  ///< relative to the output folder
  std::string sop_class, sop_instance, series;
  std::string sha256;  ///< of the file

  bool operator==(const DicomObject&) const = default;
};

}  // namespace groundglass
