// The two functions that TensorRT's plugin registry looks for in a library; nothing else is exported.
//
// The creator is not registered by a static object as well: the registry would then find it twice and refuse the file.
#include "log.h"
#include "plugin.h"

// What the library says of itself to whoever reads its bytes: a registry of another major would crash on it.
#define LPSR_TEXT_OF(value) #value
#define LPSR_TEXT(value) LPSR_TEXT_OF(value)
__attribute__((used)) static const char kBuiltFor[] = "LPSR plugin for TensorRT " LPSR_TEXT(NV_TENSORRT_MAJOR) "."
    LPSR_TEXT(NV_TENSORRT_MINOR) "." LPSR_TEXT(NV_TENSORRT_PATCH) "; compute capabilities " LPSR_BUILT_SMS "; source " LPSR_SOURCE;

#define LPSR_EXPORT extern "C" __attribute__((visibility("default")))

LPSR_EXPORT void setLoggerFinder(nvinfer1::ILoggerFinder* finder) { lpsr::set_logger_finder(finder); }

LPSR_EXPORT nvinfer1::IPluginCreatorInterface* const* getCreators(int32_t& count) {
    static lpsr::DeformConvCreator creator;
    static nvinfer1::IPluginCreatorInterface* const creators[] = {&creator};
    count = 1;
    return creators;
}
