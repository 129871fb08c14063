#include "controlplane/mirror/bulk.h"

#include <utility>

namespace carpool::mirror {

std::string_view name(BulkState state) {
  switch (state) {
    case BulkState::none:
      return "none";
    case BulkState::running:
      return "running";
    case BulkState::complete:
      return "complete";
    case BulkState::failed:
      return "failed";
  }
  std::unreachable();
}

std::string_view text(BulkCause cause) {
  switch (cause) {
    case BulkCause::joined:
      return "the nodes have found each other";
    case BulkCause::gap:
      return "the peer could not tell every change";
    case BulkCause::asked:
      return "it was asked for";
  }
  std::unreachable();
}

std::string_view text(BulkFailure why) {
  switch (why) {
    case BulkFailure::no_progress:
      return "the peer has stopped telling";
    case BulkFailure::too_long:
      return "it did not come to an end";
    case BulkFailure::peer_lost:
      return "the peer is gone";
  }
  std::unreachable();
}

}  // namespace carpool::mirror
