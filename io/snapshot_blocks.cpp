#include "io/snapshot_blocks.hpp"

#include <algorithm>
#include <cstring>
#include <map>
#include <utility>

#include "io/snapshot_seal.hpp"
#include "partition/mailbox.hpp"

namespace tessera {
namespace {

constexpr std::size_t kWord = sizeof(std::uint64_t);

struct PieceHeader {  // followed by the bytes, padded to whole words
  std::uint64_t dataset;
  std::uint64_t block;
  std::uint64_t offset;  // in the block
  std::uint64_t bytes;
};

void send_piece(Outbox& outbox, int to, const PieceHeader& header, std::span<const std::byte> bytes) {
  std::vector<std::uint64_t> words((bytes.size() + kWord - 1) / kWord, 0);
  if (!bytes.empty()) std::memcpy(words.data(), bytes.data(), bytes.size());
  outbox.put(to, header);
  outbox.put_all(to, std::span<const std::uint64_t>(words));
}

}  // namespace

DealtBlocks deal_blocks(Exchange& exchange, std::span<const DatasetPart> parts) {
  DealtBlocks dealt;
  Outbox outbox(exchange.size());
  for (std::size_t d = 0; d < parts.size(); ++d) {
    const DatasetPart& part = parts[d];
    const std::uint64_t end = part.begin + part.bytes.size();
    BlockRun own{d, 0, {}};
    for (std::uint64_t at = part.begin; at < end;) {
      const std::uint64_t block = at / kChecksumBlock;
      const std::uint64_t stop = std::min(end, (block + 1) * kChecksumBlock);
      const std::span<const std::byte> piece = part.bytes.subspan(at - part.begin, stop - at);
      if (piece.size() == kChecksumBlock) {
        if (own.bytes.empty()) own = {d, block, piece};
        own.bytes = {own.bytes.data(), piece.data() + piece.size()};
      } else {
        const bool is_cut_off = (block + 1) * kChecksumBlock > part.total;
        const int to = is_cut_off ? 0 : static_cast<int>(block % static_cast<std::uint64_t>(exchange.size()));
        send_piece(outbox, to, {d, block, at - block * kChecksumBlock, piece.size()}, piece);
      }
      at = stop;
    }
    if (!own.bytes.empty()) dealt.runs.push_back(own);
  }
  std::map<std::pair<std::uint64_t, std::uint64_t>, std::vector<std::byte>> joined;  // by dataset and block
  Inbox inbox;
  superstep(exchange, outbox, inbox, [&](int, MessageReader& reader) {
    while (!reader.done()) {
      const auto header = reader.take<PieceHeader>();
      std::vector<std::byte>& block = joined[{header.dataset, header.block}];
      block.resize(std::max<std::size_t>(block.size(), header.offset + header.bytes));
      for (std::uint64_t done = 0; done < header.bytes; done += kWord) {
        const auto word = reader.take<std::uint64_t>();
        std::memcpy(block.data() + header.offset + done, &word, std::min<std::uint64_t>(kWord, header.bytes - done));
      }
    }
  });
  for (auto& [place, bytes] : joined) {
    dealt.joined.push_back(std::move(bytes));
    dealt.runs.push_back({place.first, place.second, std::span<const std::byte>(dealt.joined.back())});
  }
  return dealt;
}

}  // namespace tessera
