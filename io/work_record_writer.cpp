#include "io/work_record_writer.hpp"

#include <cmath>
#include <nlohmann/json.hpp>

#include "io/atomic_file.hpp"

namespace tessera {
namespace {

using Json = nlohmann::ordered_json;

// Whole nanoseconds: shorter than seconds, and as exact as the clock.
template <class Get>
Json nanoseconds(const std::vector<StepWork>& ranks, Get&& get) {
  Json out = Json::array();
  for (const StepWork& rank : ranks) out.push_back(std::llround(get(rank) * 1e9));
  return out;
}

Json step_json(const StepName& name, const std::vector<StepWork>& ranks) {
  Json out;
  out["iteration"] = name.iteration;
  out["phase"] = name.phase;
  out["step"] = name.step;
  out["call"] = step_call_name(name.call);
  out["work_ns"] = nanoseconds(ranks, [](const StepWork& rank) { return rank.work_seconds; });
  out["wall_ns"] = nanoseconds(ranks, [](const StepWork& rank) { return rank.wall_seconds; });
  out["call_ns"] = nanoseconds(ranks, [](const StepWork& rank) { return rank.call_seconds; });
  Json counted = Json::object();
  for (std::size_t kind = 0; kind < kWorkKinds; ++kind) {
    bool any = false;
    for (const StepWork& rank : ranks) any = any || rank.work[kind] != 0;
    if (!any) continue;
    Json& amounts = counted[work_name(static_cast<Work>(kind))] = Json::array();
    for (const StepWork& rank : ranks) amounts.push_back(rank.work[kind]);
  }
  out["work"] = std::move(counted);
  if (name.call == StepCall::kNone) return out;
  Json& bytes = out["bytes"] = Json::array();
  for (const StepWork& rank : ranks) {
    if (name.call == StepCall::kAllToAll)
      bytes.push_back(rank.bytes);
    else
      bytes.push_back(rank.bytes.front());
  }
  return out;
}

}  // namespace

std::string work_record_text(const WorkRecord& record, const std::map<std::string, std::string>& run) {
  Json first;
  first["tessera_work_record"] = kWorkRecordFormatVersion;
  first["ranks"] = record.ranks;
  for (const auto& [key, value] : run) first[key] = value;
  // Names come from the user's command line and may be no UTF-8: replaced, not thrown at.
  std::string text = first.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
  for (std::size_t s = 0; s < record.work.size(); ++s) text += step_json(record.steps[s], record.work[s]).dump() + "\n";
  return text;
}

void write_work_record(const WorkRecord& record, const std::map<std::string, std::string>& run,
                       const std::string& path) {
  write_file_atomically(path, work_record_text(record, run));
}

}  // namespace tessera
