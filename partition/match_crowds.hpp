// Partial matches of one rank that all ask for the same list (a class's members or parents, or the row with given
// children) are a *crowd* when they are many. A crowd does not travel: it would make the rank that holds the list do
// all of its work. It stays and has the rows that fit sent for, once, unless the rows are divided over the ranks more
// evenly than the partial matches: then the partial matches go to the rows after all. So a hub is no rank's burden
// (heavy keys of a distributed join: Okcan and Riedewald, SIGMOD 2011).
//
// A crowd asks the list's home; the home asks the ranks that hold fitting rows, and tells them how many partial matches
// ask in all, and at most of one rank; they answer with the number of their rows, and with the rows themselves if these
// are no more than a crowd on average. The answers are there three deliveries after the crowd was found (two for a row
// that is looked up: its home holds it). Of one list all crowds decide alike, for they have the same answers.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "partition/match_wire.hpp"

namespace tessera {

struct Crowd {
  std::uint32_t program = 0;
  std::uint32_t walk = 0;
  std::vector<GlobalId> list;         // the class, or the children of the row
  std::vector<std::uint32_t> values;  // of one partial match after another, as the walk's `carried`
  std::vector<std::uint32_t> met;     // of each, the rank whose rows it has met (its class's home aside), or kNoRank
};

// A crowd, and a rank's rows for all of its partial matches that have not met them.
struct CrowdJoin {
  std::shared_ptr<const Crowd> crowd;
  std::uint32_t rank;
  std::shared_ptr<const FittingRows> rows;
};

// A list whose rows other ranks want.
struct WantedList {
  struct Asker {
    std::uint32_t rank;
    std::uint32_t crowd;  // the asker's number for it
    std::uint64_t size;   // partial matches
  };
  std::uint32_t program = 0;
  std::uint32_t walk = 0;
  std::vector<GlobalId> list;
  std::uint64_t asked = 0;  // partial matches of all ranks
  std::uint64_t most = 0;   // of one rank
  std::vector<Asker> askers;
};

class MatchCrowds {
 public:
  MatchCrowds(Partition& partition, MatchWire& wire) : partition_(partition), wire_(wire) {}

  // Puts those of `held` (values of one partial match after another, `met` of each as in Crowd) that are among `least`
  // or more for one list into `crowds`, and marks them in `taken`, by partial match; it stays empty if there are none.
  // Tasks may do so at once.
  void find(const MatchHeader& walk, std::span<const std::uint32_t> held, std::span<const std::uint32_t> met,
            std::size_t least, std::vector<Crowd>& crowds, std::vector<char>& taken) const;

  // Once a delivery, in this order; all write what is to be delivered next.
  // Asks for the rows of new crowds; those of several tasks for one list become one.
  void ask(std::span<std::vector<Crowd>> found, Outbox& outbox);
  void read(int source, const MatchHeader& header, MessageReader& reader);
  // What was asked at the homes of lists goes on to those who hold the rows.
  void pass_on(Outbox& outbox);
  [[nodiscard]] std::span<const WantedList> wanted() const { return wanted_; }
  // `rows`: by list of wanted(), which is then done with.
  void answer(std::span<const FittingRows> rows, Outbox& outbox);
  // Crowds whose answers are complete: what stays here is returned, the rest sent.
  [[nodiscard]] std::vector<CrowdJoin> settle(Outbox& outbox);

 private:
  struct Answer {
    int rank;
    std::uint64_t rows;
    std::uint64_t asked;
    std::uint64_t most;
    std::shared_ptr<const FittingRows> here;  // null: only counted yet
  };
  struct Waiting {
    std::shared_ptr<const Crowd> crowd;
    std::uint32_t due = 0;  // the delivery that completes the answers; 0: they are
    std::vector<Answer> answers;
  };
  struct Question {
    Crowd list;  // without partial matches
    WantedList::Asker asker;
  };

  [[nodiscard]] bool is_look_up(std::uint32_t program, std::uint32_t walk) const {
    return wire_.walk(program, walk).kind == Step::Kind::kLookup;
  }
  [[nodiscard]] int home_of(const Crowd& crowd) const;
  void read_rows(int source, const MatchHeader& header, MessageReader& reader);
  void put_rows(const WantedList& list, const FittingRows& rows, const WantedList::Asker& asker, Outbox& outbox) const;
  [[nodiscard]] static bool stays(std::span<const Answer> answers);

  Partition& partition_;
  MatchWire& wire_;
  std::uint32_t delivery_ = 0;  // the current one
  std::vector<Waiting> waiting_;
  std::vector<Question> questions_;  // for lists of this home
  std::vector<WantedList> wanted_;
};

}  // namespace tessera
