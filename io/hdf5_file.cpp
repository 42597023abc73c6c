#include "io/hdf5_file.hpp"

#include <cstdlib>

#include "engine/base/error.hpp"

namespace tessera::hdf5 {
namespace {

herr_t keep_innermost(unsigned number, const H5E_error2_t* error, void* to) {
  if (number == 0 && error->desc != nullptr) *static_cast<std::string*>(to) = error->desc;
  return 0;
}

}  // namespace

void prepare() {
  static const bool done = [] {
    ::setenv("HDF5_USE_FILE_LOCKING", "FALSE", 0);
    H5open();
    H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
    return true;
  }();
  static_cast<void>(done);
}

std::mutex& in_use() {
  static std::mutex mutex;
  return mutex;
}

std::string last_message() {
  std::string message = "HDF5 gives no reason";
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, keep_innermost, &message);
  return message;
}

hid_t file_type(unsigned bytes, bool is_signed) {
  switch (bytes) {
    case 1:
      return is_signed ? H5T_STD_I8LE : H5T_STD_U8LE;
    case 2:
      return is_signed ? H5T_STD_I16LE : H5T_STD_U16LE;
    case 4:
      return is_signed ? H5T_STD_I32LE : H5T_STD_U32LE;
    default:
      return is_signed ? H5T_STD_I64LE : H5T_STD_U64LE;
  }
}

hid_t memory_type(unsigned bytes, bool is_signed) {
  switch (bytes) {
    case 1:
      return is_signed ? H5T_NATIVE_INT8 : H5T_NATIVE_UINT8;
    case 2:
      return is_signed ? H5T_NATIVE_INT16 : H5T_NATIVE_UINT16;
    case 4:
      return is_signed ? H5T_NATIVE_INT32 : H5T_NATIVE_UINT32;
    default:
      return is_signed ? H5T_NATIVE_INT64 : H5T_NATIVE_UINT64;
  }
}

void refuse(const std::string& what) { throw Error(ErrorCode::kResource, "cannot " + what + ": " + last_message()); }

}  // namespace tessera::hdf5
