// Access patterns: everything that renames, selects or moves elements without computing on them. Only pad, the reshape
// of a view that strides cannot express, and the forming of products, pairs and concatenations copy.
#include <algorithm>

#include "engine/tensor/interpreter_operator.hpp"

namespace tessera::interpreter {
namespace {

template <class T>
using Form = typename Operand<T>::Form;

template <class T>
void erase_axis(View<T>& view, int axis) {
  view.dims.erase(view.dims.begin() + axis);
  view.strides.erase(view.strides.begin() + axis);
  if (axis < view.split) --view.split;
}

template <class T>
Operand<T> access_tensor(const Call<T>& call) {
  call.expect_arity(0);
  const Name name = call.name(0);
  const auto found = call.environment().find(name);
  if (found == call.environment().end()) {
    call.fail("tensor `" + std::string(name.text()) + "` has no value");
  }
  const Tensor<T>& tensor = found->second;
  for (const std::int64_t extent : tensor.dims) {
    if (extent < 1) call.fail("tensor `" + std::string(name.text()) + "` has an extent less than 1");
  }
  return View<T>{tensor.dims, row_major_strides(tensor.dims), 0, tensor.data, tensor.data.get()};
}

template <class T>
Operand<T> access(const Call<T>& call) {
  call.expect_arity(1);
  Operand<T>& operand = call.operand(0);
  const std::int64_t split = call.integer(0);
  const auto rank = static_cast<std::int64_t>(operand.dims.size());
  if (split < 0 || split > rank) {
    call.fail("cannot split " + std::to_string(rank) + " axes at " + std::to_string(split) + ": expected 0 to " +
              std::to_string(rank));
  }
  if (operand.form != Form<T>::kView && operand.form != Form<T>::kTuple && operand.split == split) return operand;
  View<T> view = call.view(0);
  view.split = static_cast<int>(split);
  return view;
}

template <class T>
Operand<T> shift_right(const Call<T>& call) {
  call.expect_arity(1);
  View<T> view = call.view(0);
  if (view.split == 0) call.fail("there is no shape axis to shift into the item");
  --view.split;
  return view;
}

template <class T>
Operand<T> transpose(const Call<T>& call) {
  call.expect_arity(1);
  View<T> view = call.view(0);
  const std::span<const std::int64_t> order = call.extents(0);
  std::vector<bool> seen(view.dims.size(), false);
  if (order.size() != view.dims.size()) {
    call.fail("found " + std::to_string(order.size()) + " axes in the list, expected " +
              std::to_string(view.dims.size()));
  }
  const View<T> source = view;
  for (std::size_t axis = 0; axis < order.size(); ++axis) {
    const auto from = static_cast<std::size_t>(call.checked_axis(order[axis], view.rank()));
    if (seen[from]) call.fail("axis " + std::to_string(from) + " stands twice in the list");
    seen[from] = true;
    view.dims[axis] = source.dims[from];
    view.strides[axis] = source.strides[from];
  }
  return view;
}

template <class T>
Operand<T> reshape(const Call<T>& call) {
  call.expect_arity(1);
  const View<T>& view = call.view(0);
  const Value& to = call.attribute(0);
  if (to.kind != ValueKind::kAccessShape) call.fail("expected (access-shape …), found " + to.to_string());
  if (element_count(to.shape_dims()) != element_count(view.shape()) ||
      element_count(to.item_dims()) != element_count(view.item())) {
    call.fail("cannot be reshaped to " + describe(to.dims(), to.split) +
              ": the products of shape and of item shape must stay");
  }
  return reshaped(view, Extents(to.dims().begin(), to.dims().end()), to.split);
}

template <class T>
Operand<T> flatten(const Call<T>& call) {
  call.expect_arity(1);
  const View<T>& view = call.view(0);
  Extents to;
  if (!view.shape().empty()) to.push_back(element_count(view.shape()));
  const int split = static_cast<int>(to.size());
  if (!view.item().empty()) to.push_back(element_count(view.item()));
  return reshaped(view, std::move(to), split);
}

template <class T>
Operand<T> squeeze(const Call<T>& call) {
  call.expect_arity(1);
  View<T> view = call.view(0);
  const int axis = call.checked_axis(call.integer(0), view.rank());
  if (view.dim(axis) != 1) {
    call.fail("axis " + std::to_string(axis) + " has extent " + std::to_string(view.dim(axis)) + ", expected 1");
  }
  erase_axis(view, axis);
  return view;
}

template <class T>
Operand<T> insert_axis(const Call<T>& call) {
  call.expect_arity(1);
  View<T> view = call.view(0);
  const int axis = call.checked_axis(call.integer(0), view.rank() + 1);
  view.dims.insert(view.dims.begin() + axis, 1);
  view.strides.insert(view.strides.begin() + axis, 0);
  if (axis <= view.split) ++view.split;
  return view;
}

template <class T>
Operand<T> broadcast(const Call<T>& call) {
  call.expect_arity(1);
  View<T> view = call.view(0);
  const Value& to = call.attribute(0);
  if (to.kind != ValueKind::kAccessShape && to.kind != ValueKind::kShape) {
    call.fail("expected (access-shape …), found " + to.to_string());
  }
  const std::span<const std::int64_t> dims = to.dims();
  bool fits = dims.size() == view.dims.size();
  for (std::size_t axis = 0; axis < dims.size() && fits; ++axis) {
    fits = view.dims[axis] == dims[axis] || view.dims[axis] == 1;
    if (fits && view.dims[axis] != dims[axis]) {
      view.dims[axis] = dims[axis];
      view.strides[axis] = 0;
    }
  }
  if (!fits) call.fail("cannot be broadcast to " + to.to_string() + ": as many axes, each equal or 1, were expected");
  if (to.kind == ValueKind::kAccessShape) view.split = to.split;
  return view;
}

template <class T>
Operand<T> slice(const Call<T>& call) {
  call.expect_arity(1);
  View<T> view = call.view(0);
  const int axis = call.checked_axis(call.integer(0), view.rank());
  const std::int64_t low = call.integer(1);
  const std::int64_t high = call.integer(2);
  if (low < 0 || low >= high || high > view.dim(axis)) {
    call.fail("found range " + std::to_string(low) + " to " + std::to_string(high) + " of axis " +
              std::to_string(axis) + ", expected 0 <= low < high <= " + std::to_string(view.dim(axis)));
  }
  view.dims[static_cast<std::size_t>(axis)] = high - low;
  view.data += low * view.stride(axis);
  return view;
}

template <class T>
Operand<T> concatenate(const Call<T>& call) {
  call.expect_arity(2);
  Operand<T>& left = call.operand(0);
  Operand<T>& right = call.operand(1);
  const int axis = call.checked_axis(call.integer(0), static_cast<int>(left.dims.size()));
  bool fits = left.dims.size() == right.dims.size() && left.split == right.split && left.form != Form<T>::kTuple &&
              right.form != Form<T>::kTuple;
  for (std::size_t k = 0; k < left.dims.size() && fits; ++k) {
    fits = left.dims[k] == right.dims[k] || k == static_cast<std::size_t>(axis);
  }
  if (!fits) call.fail("all extents but axis " + std::to_string(axis) + ", and the splits, were expected to be equal");
  Operand<T> result;
  result.form = Form<T>::kConcatenation;
  result.axis = axis;
  result.dims = left.dims;
  result.split = left.split;
  result.dims[static_cast<std::size_t>(axis)] += right.dims[static_cast<std::size_t>(axis)];
  for (Operand<T>* part : {&left, &right}) {
    if (part->form == Form<T>::kConcatenation && part->axis == axis) {
      result.views.insert(result.views.end(), part->views.begin(), part->views.end());
    } else {
      result.views.push_back(form_view(*part));
    }
  }
  return result;
}

template <class T>
Operand<T> pad(const Call<T>& call) {
  call.expect_arity(1);
  const View<T>& view = call.view(0);
  if (call.name(0).text() != "zero-padding") {
    call.fail("found padding `" + std::string(call.name(0).text()) + "`, expected zero-padding");
  }
  const auto axis = static_cast<std::size_t>(call.checked_axis(call.integer(1), view.rank()));
  const std::int64_t before = call.integer(2);
  const std::int64_t after = call.integer(3);
  if (before < 0 || after < 0) call.fail("a padding is negative");
  if (before == 0 && after == 0) return view;
  return padded(view, axis, before, after, T{0});
}

template <class T>
Operand<T> windows(const Call<T>& call) {
  call.expect_arity(1);
  const View<T>& source = call.view(0);
  const std::span<const std::int64_t> extent = call.extents(0);
  const std::span<const std::int64_t> stride = call.extents(1);
  const std::size_t axes = source.item().size();
  if (extent.size() != axes || stride.size() != axes) {
    call.fail("found windows of " + std::to_string(extent.size()) + " axes and " + std::to_string(stride.size()) +
              " strides, expected " + std::to_string(axes) + " of each");
  }
  View<T> view = source;
  const auto first = static_cast<std::size_t>(source.split);
  for (std::size_t k = 0; k < axes; ++k) {
    const std::int64_t whole = source.item()[k];
    if (extent[k] < 1 || extent[k] > whole || stride[k] < 1) {
      call.fail("a window of " + std::to_string(extent[k]) + " with stride " + std::to_string(stride[k]) +
                " does not fit item axis " + std::to_string(k) + " of extent " + std::to_string(whole));
    }
    view.dims[first + k] = (whole - extent[k]) / stride[k] + 1;
    view.strides[first + k] = source.item_strides()[k] * stride[k];
    view.dims.push_back(extent[k]);
    view.strides.push_back(source.item_strides()[k]);
  }
  view.split = source.split + static_cast<int>(axes);
  return view;
}

template <class T>
Operand<T> cartesian_product(const Call<T>& call) {
  call.expect_arity(2);
  const View<T>& left = call.view(0);
  const View<T>& right = call.view(1);
  if (!std::ranges::equal(left.item(), right.item())) call.fail("the item shapes were expected to be equal");
  Operand<T> result;
  result.form = Form<T>::kProduct;
  result.views = {left, right};
  result.split = left.split + right.split;
  result.dims.assign(left.shape().begin(), left.shape().end());
  result.dims.insert(result.dims.end(), right.shape().begin(), right.shape().end());
  result.dims.push_back(2);
  result.dims.insert(result.dims.end(), left.item().begin(), left.item().end());
  return result;
}

template <class T>
Operand<T> pair(const Call<T>& call) {
  call.expect_arity(2);
  const View<T>& left = call.view(0);
  const View<T>& right = call.view(1);
  if (left.dims != right.dims || left.split != right.split) {
    call.fail("the shapes and the splits were expected to be equal");
  }
  Operand<T> result;
  result.form = Form<T>::kPair;
  result.views = {left, right};
  result.dims = left.dims;
  result.dims.insert(result.dims.begin() + left.split, 2);
  result.split = left.split;
  return result;
}

template <class T>
Operand<T> literal(const Call<T>& call) {
  call.expect_arity(0);
  Fresh<T> result = allocate<T>({}, 0);
  *result.data = call.number(0);
  return result.view;
}

template <class T>
Operand<T> constant_tensor(const Call<T>& call) {
  call.expect_arity(0);
  Fresh<T> element = allocate<T>({}, 0);
  *element.data = call.number(0);
  View<T> view = element.view;
  const std::span<const std::int64_t> dims = call.extents(1);
  for (const std::int64_t extent : dims) {
    if (extent < 1) call.fail("an extent is less than 1");
  }
  view.dims.assign(dims.begin(), dims.end());
  view.strides.assign(dims.size(), 0);
  return view;
}

template <class T>
Operand<T> construct_tuple(const Call<T>& call) {
  Operand<T> result;
  result.form = Form<T>::kTuple;
  for (std::size_t i = 0; i < call.arity(); ++i) result.views.push_back(call.view(i));
  return result;
}

template <class T>
Operand<T> tuple_get_item(const Call<T>& call) {
  call.expect_arity(1);
  const Operand<T>& tuple = call.operand(0);
  const std::int64_t index = call.integer(0);
  if (tuple.form != Form<T>::kTuple) call.fail("the operand is not a tuple");
  if (index < 0 || index >= static_cast<std::int64_t>(tuple.views.size())) {
    call.fail("found index " + std::to_string(index) + ", the tuple has " + std::to_string(tuple.views.size()) +
              " items");
  }
  return tuple.views[static_cast<std::size_t>(index)];
}

// [shape of all but the last … shape of the last][2 item]: each part broadcast over the axes of the other.
template <class T>
View<T> form_product(const Operand<T>& product) {
  Fresh<T> result = allocate<T>(product.dims, product.split);
  const auto stack = static_cast<std::size_t>(product.split);
  const auto first_axes = static_cast<std::size_t>(product.views[0].split);
  Extents strides = result.view.strides;
  strides.erase(strides.begin() + product.split);
  for (std::size_t side = 0; side < 2; ++side) {
    const View<T>& part = product.views[side];
    View<T> spread = part;
    spread.dims = product.dims;
    spread.dims.erase(spread.dims.begin() + product.split);
    spread.strides.assign(stack, 0);
    std::ranges::copy(part.shape_strides(),
                      spread.strides.begin() + static_cast<std::ptrdiff_t>(side == 0 ? 0 : first_axes));
    spread.strides.insert(spread.strides.end(), part.item_strides().begin(), part.item_strides().end());
    copy_to(spread, result.data + static_cast<std::int64_t>(side) * result.view.strides[stack], strides);
  }
  return result.view;
}

template <class T>
View<T> form_pair(const Operand<T>& pair_operand) {
  Fresh<T> result = allocate<T>(pair_operand.dims, pair_operand.split);
  Extents strides = result.view.strides;
  strides.erase(strides.begin() + pair_operand.split);
  const std::int64_t step = result.view.stride(pair_operand.split);
  copy_to(pair_operand.views[0], result.data, strides);
  copy_to(pair_operand.views[1], result.data + step, strides);
  return result.view;
}

template <class T>
View<T> form_concatenation(const Operand<T>& parts) {
  Fresh<T> result = allocate_like(parts.views[0], parts.dims, parts.split);
  T* to = result.data;
  for (const View<T>& part : parts.views) {
    copy_to(part, to, result.view.strides);
    to += part.dim(parts.axis) * result.view.stride(parts.axis);
  }
  return result.view;
}

}  // namespace

template <class T>
const View<T>& form_view(Operand<T>& operand) {
  switch (operand.form) {
    case Form<T>::kView:
    case Form<T>::kTuple:
      return operand.views.at(0);
    case Form<T>::kProduct:
      operand.views = {form_product(operand)};
      break;
    case Form<T>::kPair:
      operand.views = {form_pair(operand)};
      break;
    case Form<T>::kConcatenation:
      operand.views = {form_concatenation(operand)};
      break;
  }
  operand.form = Form<T>::kView;
  return operand.views[0];
}

template <class T>
void add_access_operators(HandlerTable<T>& table) {
  table.insert({{"access-tensor", access_tensor<T>},
                {"access", access<T>},
                {"access-shift-right", shift_right<T>},
                {"access-transpose", transpose<T>},
                {"access-reshape", reshape<T>},
                {"access-flatten", flatten<T>},
                {"access-squeeze", squeeze<T>},
                {"access-insert-axis", insert_axis<T>},
                {"access-broadcast", broadcast<T>},
                {"access-slice", slice<T>},
                {"access-concatenate", concatenate<T>},
                {"access-pad", pad<T>},
                {"access-windows", windows<T>},
                {"access-cartesian-product", cartesian_product<T>},
                {"access-pair", pair<T>},
                {"access-literal", literal<T>},
                {"constant-tensor", constant_tensor<T>},
                {"construct-tuple", construct_tuple<T>},
                {"tuple-get-item", tuple_get_item<T>}});
}

template void add_access_operators(HandlerTable<float>&);
template void add_access_operators(HandlerTable<double>&);
template void add_access_operators(HandlerTable<std::int64_t>&);
template const View<float>& form_view(Operand<float>&);
template const View<double>& form_view(Operand<double>&);
template const View<std::int64_t>& form_view(Operand<std::int64_t>&);

}  // namespace tessera::interpreter
