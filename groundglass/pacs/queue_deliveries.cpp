// What of a queue's results was sent where, and when the rest is due.
#include "groundglass/pacs/queue.h"

#include <array>

#include "groundglass/core/even_time.h"

namespace groundglass {

std::optional<int64_t> wait_after(int64_t attempts) {
  constexpr std::array<int64_t, 5> kWaits = {10, 60, 300, 1800, 7200};
  if (attempts < 1 || attempts > static_cast<int64_t>(kWaits.size())) return std::nullopt;
  return kWaits[static_cast<size_t>(attempts - 1)];
}

std::vector<Delivery> SiteQueue::deliveries_where(const std::string& condition,
                                                  const std::vector<SqlValue>& values) {
  const std::scoped_lock lock(mutex_);
  std::vector<Delivery> all;
  database_.each(
      "SELECT id, job, attempts, file, sop, sha256, destination, state, problem FROM deliveries "
      "WHERE " +
          condition + " ORDER BY id",
      values, [&](const SqlRow& row) {
        all.push_back({row.integer(0), row.integer(1), row.integer(2), row.text(3), row.text(4),
                       row.text(5), row.text(6), stored_state<DeliveryState>(row.text(7)),
                       row.text(8)});
      });
  return all;
}

std::vector<Delivery> SiteQueue::due_deliveries(const std::string& destination) {
  return deliveries_where("state = 'waiting' AND destination = ? AND due <= ?",
                          {destination, even_time_s()});
}

std::vector<Delivery> SiteQueue::deliveries(int64_t job) {
  return deliveries_where("job = ?", {job});
}

void SiteQueue::end_job_if_sent(int64_t job) {
  if (database_.number("SELECT COUNT(*) FROM deliveries WHERE job = ? AND state = 'waiting'",
                       {job}) > 0) {
    return;
  }
  const bool failed =
      database_.number("SELECT COUNT(*) FROM deliveries WHERE job = ? AND state = 'failed'",
                       {job}) > 0;
  if (failed) return set_failed(job, "an object could not be sent");
  database_.run("UPDATE jobs SET state = 'sent', changed = ? WHERE id = ?", {even_time_s(), job});
}

void SiteQueue::set_sent(const Delivery& delivery) {
  const std::scoped_lock lock(mutex_);
  Transaction transaction(database_);
  database_.run(
      "UPDATE deliveries SET state = 'sent', attempts = attempts + 1, problem = '' WHERE id = ?",
      {delivery.id});
  end_job_if_sent(delivery.job);
  transaction.commit();
}

void SiteQueue::delivery_problem(const Delivery& delivery, const std::string& problem) {
  const std::scoped_lock lock(mutex_);
  const auto wait = wait_after(delivery.attempts + 1);
  Transaction transaction(database_);
  database_.run(
      "UPDATE deliveries SET state = ?, attempts = attempts + 1, due = ?, problem = ? WHERE id = ?",
      {word_of(wait ? DeliveryState::waiting : DeliveryState::failed),
       even_time_s() + wait.value_or(0), problem, delivery.id});
  end_job_if_sent(delivery.job);
  transaction.commit();
}

}  // namespace groundglass
