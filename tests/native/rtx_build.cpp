// Parses, types and builds a graph with TensorRT for RTX, whose builder needs no GPU.
//
//   rtx_build LIBRARY PARSER_LIBRARY GRAPH.onnx
//
// Prints the type of every layer's output and the engine's size. Fails with 1 and the parser's or builder's words.
#include <NvInfer.h>
#include <NvOnnxParser.h>
#include <dlfcn.h>

#include <cstdio>
#include <map>
#include <memory>
#include <string>

using namespace nvinfer1;

namespace {

struct Logger final : ILogger {
    void log(Severity severity, AsciiChar const* message) noexcept override {
        if (severity <= Severity::kWARNING) std::fprintf(stderr, "%s\n", message);
    }
};

const char* name_of(DataType type) {
    switch (type) {
        case DataType::kFLOAT: return "float32";
        case DataType::kHALF: return "float16";
        case DataType::kINT8: return "int8";
        case DataType::kINT32: return "int32";
        case DataType::kINT64: return "int64";
        case DataType::kBOOL: return "bool";
        default: return "other";
    }
}

template <class Function>
Function* function(void* library, const char* name) {
    void* found = dlsym(library, name);
    if (!found) {
        std::fprintf(stderr, "no %s: %s\n", name, dlerror());
        std::exit(1);
    }
    return reinterpret_cast<Function*>(found);
}

}  // namespace

int main(int count, char** arguments) {
    if (count != 4) return 2;
    void* library = dlopen(arguments[1], RTLD_NOW | RTLD_GLOBAL);
    void* parser_library = library ? dlopen(arguments[2], RTLD_NOW) : nullptr;
    if (!parser_library) {
        std::fprintf(stderr, "%s\n", dlerror());
        return 1;
    }
    Logger logger;
    const int32_t version = function<int32_t()>(library, "getInferLibVersion")();
    auto* make_builder = function<void*(void*, int32_t)>(library, "createInferBuilder_INTERNAL");
    std::unique_ptr<IBuilder> builder(static_cast<IBuilder*>(make_builder(&logger, version)));
    if (!builder) return 1;
    const auto typed = 1U << static_cast<uint32_t>(NetworkDefinitionCreationFlag::kSTRONGLY_TYPED);
    std::unique_ptr<INetworkDefinition> network(builder->createNetworkV2(typed));
    const int32_t parser_version = function<int()>(parser_library, "getNvOnnxParserVersion")();
    auto* make_parser = function<void*(void*, void*, int)>(parser_library, "createNvOnnxParser_INTERNAL");
    std::unique_ptr<nvonnxparser::IParser> parser(
        static_cast<nvonnxparser::IParser*>(make_parser(network.get(), &logger, parser_version)));
    if (!parser || !parser->parseFromFile(arguments[3], static_cast<int>(ILogger::Severity::kWARNING))) {
        for (int32_t each = 0; parser && each < parser->getNbErrors(); ++each) {
            std::fprintf(stderr, "%s\n", parser->getError(each)->desc());
        }
        return 1;
    }
    std::map<std::string, int> types;
    for (int32_t each = 0; each < network->getNbLayers(); ++each) {
        ILayer* layer = network->getLayer(each);
        for (int32_t output = 0; output < layer->getNbOutputs(); ++output) ++types[name_of(layer->getOutput(output)->getType())];
    }
    for (const auto& [name, number] : types) std::printf("%s %d\n", name.c_str(), number);
    std::unique_ptr<IBuilderConfig> config(builder->createBuilderConfig());
    IOptimizationProfile* profile = builder->createOptimizationProfile();
    for (int32_t each = 0; each < network->getNbInputs(); ++each) {
        ITensor* input = network->getInput(each);
        for (const auto& [selector, batch] : {std::pair{OptProfileSelector::kMIN, 1}, {OptProfileSelector::kOPT, 8},
                                              {OptProfileSelector::kMAX, 64}}) {
            Dims sizes = input->getDimensions();
            sizes.d[0] = batch;
            if (sizes.d[2] < 0) {  // a reader takes pictures of the generator's size and of twice that
                const int32_t times = selector == OptProfileSelector::kMAX ? 2 : 1;
                sizes.d[2] = 32 * times;
                sizes.d[3] = 96 * times;
            }
            profile->setDimensions(input->getName(), selector, sizes);
        }
    }
    config->addOptimizationProfile(profile);
    std::unique_ptr<IHostMemory> plan(builder->buildSerializedNetwork(*network, *config));
    if (!plan) return 1;
    std::printf("engine %zu\n", plan->size());
    return 0;
}
