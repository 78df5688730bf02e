// Where the plugin's errors go: TensorRT's own logger, once it has told us how to find it.
#pragma once

#include <NvInferRuntime.h>

#include <string>

namespace lpsr {

void set_logger_finder(nvinfer1::ILoggerFinder* finder) noexcept;

void log_error(const std::string& message) noexcept;

}  // namespace lpsr
