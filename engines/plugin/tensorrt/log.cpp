#include "log.h"

#include <atomic>
#include <cstdio>

namespace lpsr {

namespace {
std::atomic<nvinfer1::ILoggerFinder*> logger_finder{nullptr};
}

void set_logger_finder(nvinfer1::ILoggerFinder* finder) noexcept { logger_finder.store(finder); }

void log_error(const std::string& message) noexcept {
    nvinfer1::ILoggerFinder* finder = logger_finder.load();
    nvinfer1::ILogger* logger = finder ? finder->findLogger() : nullptr;
    const std::string line = "LpsrDeformConv: " + message;
    if (logger) {
        logger->log(nvinfer1::ILogger::Severity::kERROR, line.c_str());
    } else {
        std::fprintf(stderr, "%s\n", line.c_str());
    }
}

}  // namespace lpsr
