// Where this process's run is and what there would be to go on from, for whoever has to say so when it fails: the main
// thread keeps it, any thread may read it. One for the process (virtual ranks share it: they move in step).
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace tessera {

class RunStatus {
 public:
  static RunStatus& of_process();

  // `phase` is a literal; "": between two phases. Cheap: two atomic stores.
  void enter(std::uint32_t iteration, const char* phase);
  // A collective call with other ranks begins and ends.
  void begin_call();
  void end_call();
  // What is kept: the folder of snapshots (empty: none is kept) and the iteration of the last good one.
  void keep(const std::string& folder, std::optional<std::uint32_t> iteration);

  // "iteration 7, phase rebuild"; empty before anything was entered.
  [[nodiscard]] std::string place() const;
  // How to go on after a failure, or that nothing was kept; empty before keep().
  [[nodiscard]] std::string how_to_go_on() const;
  // `text`, after the place and before how to go on, as far as these are known.
  [[nodiscard]] std::string explained(const std::string& text) const;

  // Calls begun, twice, plus one while one is under way: changes with every step of the run.
  [[nodiscard]] std::uint64_t steps() const;

 private:
  RunStatus() = default;
};

}  // namespace tessera
