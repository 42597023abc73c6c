// Layers that the workloads search and no built-in network is made of: MobileNet's first convolution by itself, and the
// layers of MobileNet v1 and of ResNet-50 (He et al., "Deep Residual Learning for Image Recognition", CVPR 2016, table
// 1; the stride of a stage in its first 3x3 convolution, as exported models have it) side by side in one program. They
// are generated, through the same lowering as every model, and written as Glenside text, so that `tessera search`
// reads them like any other model.
#pragma once

#include <string>
#include <vector>

#include "io/network.hpp"

namespace tessera::bench {

// ResNet-50's convolutions and its dense layer at this resolution (a multiple of 32), each distinct problem once.
[[nodiscard]] std::vector<Layer> resnet50_layers(std::int64_t resolution);
// MobileNet v1's, each distinct problem once.
[[nodiscard]] std::vector<Layer> mobilenet_layers(double width, std::int64_t resolution);

// A program with one root a layer, as Glenside text with its tensors declared. Equal layers are written once.
[[nodiscard]] std::string layers_as_glenside(const std::vector<Layer>& layers);

// The workload programs by name: mobilenet-first-convolution, blocking-sweep, and blocking-sweep-small (MobileNet's
// layers at an eighth of the channels and 32x32 images, and the smallest of ResNet-50's at that resolution).
// Throws Error(kInput), naming all of them, for another name.
[[nodiscard]] std::string workload_program(const std::string& name);
[[nodiscard]] std::vector<std::string> workload_programs();

}  // namespace tessera::bench
