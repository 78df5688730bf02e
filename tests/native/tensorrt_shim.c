/* Stands in for libnvinfer, libnvonnxparser and libnvinfer_plugin, so that TensorRT's Python bindings can be imported
 * where the libraries are not to be had.
 *
 * Every call goes on to TensorRT for RTX, if LPSR_RTX_LIBRARY and LPSR_RTX_PARSER name its libraries: its builder runs
 * without a GPU. Otherwise nothing can be made, only names looked up.
 */
#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>

static void* symbol(const char* variable, const char* name) {
    const char* path = getenv(variable);
    void* library = path ? dlopen(path, RTLD_NOW | RTLD_GLOBAL) : NULL;
    return library ? dlsym(library, name) : NULL;
}

static void* make(const char* name, void* logger) {
    void* (*create)(void*, int32_t) = symbol("LPSR_RTX_LIBRARY", name);
    int32_t (*version)(void) = symbol("LPSR_RTX_LIBRARY", "getInferLibVersion");
    return create && version ? create(logger, version()) : NULL;
}

void* createInferBuilder_INTERNAL(void* logger, int32_t version) {
    (void)version;
    return make("createInferBuilder_INTERNAL", logger);
}

void* createInferRuntime_INTERNAL(void* logger, int32_t version) {
    (void)version;
    return make("createInferRuntime_INTERNAL", logger);
}

void* createInferRefitter_INTERNAL(void* engine, void* logger, int32_t version) {
    (void)engine;
    (void)logger;
    (void)version;
    return NULL;
}

void* createNvOnnxParser_INTERNAL(void* network, void* logger, int version) {
    void* (*create)(void*, void*, int) = symbol("LPSR_RTX_PARSER", "createNvOnnxParser_INTERNAL");
    int (*own)(void) = symbol("LPSR_RTX_PARSER", "getNvOnnxParserVersion");
    (void)version;
    return create && own ? create(network, logger, own()) : NULL;
}

void* createNvOnnxParserRefitter_INTERNAL(void* refitter, void* logger, int version) {
    (void)refitter;
    (void)logger;
    (void)version;
    return NULL;
}

int getNvOnnxParserVersion(void) {
    int (*own)(void) = symbol("LPSR_RTX_PARSER", "getNvOnnxParserVersion");
    return own ? own() : 0;
}

void* getPluginRegistry(void) {
    void* (*own)(void) = symbol("LPSR_RTX_LIBRARY", "getPluginRegistry");
    return own ? own() : NULL;
}

void* getBuilderPluginRegistry(int32_t capability) {
    void* (*own)(int32_t) = symbol("LPSR_RTX_LIBRARY", "getBuilderPluginRegistry");
    return own ? own(capability) : NULL;
}

int initLibNvInferPlugins(void* logger, const char* space) {
    (void)logger;
    (void)space;
    return 1;
}
