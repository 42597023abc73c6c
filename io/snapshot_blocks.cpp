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

BlockRun cut_into_blocks(std::size_t dataset, const DatasetPart& part, std::vector<BlockPiece>& pieces) {
  const std::uint64_t end = part.begin + part.bytes.size();
  const std::uint64_t first = std::min(end, (part.begin + kChecksumBlock - 1) / kChecksumBlock * kChecksumBlock);
  const std::uint64_t last = std::max(first, end / kChecksumBlock * kChecksumBlock);
  const auto add_piece = [&](std::uint64_t from, std::uint64_t to) {
    if (from == to) return;
    const std::span<const std::byte> bytes = part.bytes.subspan(from - part.begin, to - from);
    pieces.push_back({dataset, from, part.total, {bytes.begin(), bytes.end()}});
  };
  add_piece(part.begin, first);
  add_piece(last, end);
  return {dataset, first / kChecksumBlock, part.bytes.subspan(first - part.begin, last - first)};
}

std::vector<JoinedBlock> join_pieces(Exchange& exchange, std::span<const BlockPiece> pieces) {
  Outbox outbox(exchange.size());
  for (const BlockPiece& piece : pieces) {
    const std::uint64_t block = piece.begin / kChecksumBlock;
    const bool is_cut_off = (block + 1) * kChecksumBlock > piece.total;
    const int to = is_cut_off ? 0 : static_cast<int>(block % static_cast<std::uint64_t>(exchange.size()));
    send_piece(outbox, to, {piece.dataset, block, piece.begin % kChecksumBlock, piece.bytes.size()}, piece.bytes);
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
  std::vector<JoinedBlock> blocks;
  blocks.reserve(joined.size());
  for (auto& [place, bytes] : joined) blocks.push_back({place.first, place.second, std::move(bytes)});
  return blocks;
}

}  // namespace tessera
