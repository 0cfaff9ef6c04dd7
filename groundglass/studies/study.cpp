#include "groundglass/studies/study.h"

namespace groundglass {

StudyResult run_study(const StudyFile& study, const StudyJob& job, Observer& console) {
  switch (study.study.kind) {
    case StudyKind::adaptation:
      return run_adaptation_study(study, job, console);
    case StudyKind::detection:
      return run_detection_study(study, job, console);
    case StudyKind::rows:
      break;
  }
  return run_rows_study(study, job, console);
}

}  // namespace groundglass
