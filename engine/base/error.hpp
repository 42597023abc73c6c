// The one exception type for everything that can go wrong outside the program's own logic: bad input, a failed
// library call, an unsound rule. Broken invariants are not errors: they CHECK (base/check.hpp) and abort.
// Never throw between two collective calls on one rank only: errors are agreed on at the phase's end (partition/).
#pragma once

#include <stdexcept>
#include <string>
#include <utility>

namespace tessera {

enum class ErrorCode {
  kInput,     // a model, rules file or option is wrong: exit code 2
  kUnsound,   // a rule or a result is wrong: two shapes in one class while checking a rule is kInput; a failed
              // numerical verification is kUnsound: exit code 3
  kResource,  // the operating system refused memory, files or processes: exit code 3
  kInternal,  // a library failed where it should not: exit code 3
};

// A position in a text a user wrote. Line and column count from 1; 0 means unknown.
struct Where {
  std::string file;
  int line = 0;
  int column = 0;

  // "file:line:column", leaving out what is unknown; empty when nothing is known.
  [[nodiscard]] std::string to_string() const {
    std::string text = file;
    if (line > 0) text += ":" + std::to_string(line);
    if (line > 0 && column > 0) text += ":" + std::to_string(column);
    return text;
  }
};

// what() is "where: message" (or just the message when the place is unknown).
class Error : public std::runtime_error {
 public:
  Error(ErrorCode code, const std::string& message, Where where = {})
      : std::runtime_error(join(where, message)), code_(code), message_(message), where_(std::move(where)) {}

  [[nodiscard]] ErrorCode code() const { return code_; }
  [[nodiscard]] const std::string& message() const { return message_; }
  [[nodiscard]] const Where& where() const { return where_; }

 private:
  static std::string join(const Where& where, const std::string& message) {
    const std::string place = where.to_string();
    return place.empty() ? message : place + ": " + message;
  }

  ErrorCode code_;
  std::string message_;
  Where where_;
};

}  // namespace tessera
