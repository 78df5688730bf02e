// The plugin object without TensorRT's library: creation, formats, shapes, serialisation, clones, error codes.
#include <cstdio>
#include <cstring>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "tensorrt/log.h"
#include "tensorrt/plugin.h"

using namespace nvinfer1;
using namespace lpsr;

namespace {

int failures = 0;

#define CHECK(condition)                                                              \
    do {                                                                              \
        if (!(condition)) {                                                           \
            std::printf("%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);       \
            ++failures;                                                               \
        }                                                                             \
    } while (false)

struct Logger final : ILogger {
    void log(Severity severity, AsciiChar const* message) noexcept override {
        if (severity == Severity::kERROR) last = message;
    }
    std::string last;
};

struct Finder final : ILoggerFinder {
    explicit Finder(Logger& logger) : logger(logger) {}
    ILogger* findLogger() override { return &logger; }
    Logger& logger;
};

struct Constant final : IDimensionExpr, apiv::VDimensionExpr {
    explicit Constant(int64_t value) : value(value) { mImpl = this; }
    bool isConstant() const override { return true; }
    int64_t getConstantValue() const override { return value; }
    bool isSizeTensor() const override { return false; }
    int64_t value;
};

struct Builder final : IExprBuilder, apiv::VExprBuilder {
    Builder() { mImpl = this; }
    IDimensionExpr const* constant(int64_t value) override {
        made.push_back(std::make_unique<Constant>(value));
        return made.back().get();
    }
    IDimensionExpr const* operation(DimensionOperation, IDimensionExpr const&, IDimensionExpr const&) override { return nullptr; }
    IDimensionExpr const* declareSizeTensor(int32_t, IDimensionExpr const&, IDimensionExpr const&) override { return nullptr; }
    std::vector<std::unique_ptr<Constant>> made;
};

Attributes good() {
    Attributes a;
    a.kernel_shape = {3, 3};
    a.strides = a.dilations = {1, 1};
    a.pads = {1, 1, 1, 1};
    a.group = a.offset_group = 1;
    a.out_channels = 12;
    a.has_mask = a.has_bias = 1;
    return a;
}

std::unique_ptr<DeformConvPlugin> create(std::vector<PluginField> fields) {
    DeformConvCreator creator;
    const PluginFieldCollection collection{static_cast<int32_t>(fields.size()), fields.data()};
    return std::unique_ptr<DeformConvPlugin>(
        static_cast<DeformConvPlugin*>(creator.createPlugin("node", &collection, TensorRTPhase::kBUILD)));
}

Dims dims(std::vector<int32_t> sizes) {
    Dims made{};
    made.nbDims = static_cast<int32_t>(sizes.size());
    for (size_t each = 0; each < sizes.size(); ++each) made.d[each] = sizes[each];
    return made;
}

PluginTensorDesc tensor(std::vector<int32_t> sizes, DataType type = DataType::kHALF, TensorFormat format = TensorFormat::kLINEAR) {
    PluginTensorDesc made{};
    made.dims = dims(std::move(sizes));
    made.type = type;
    made.format = format;
    made.scale = 1;
    return made;
}

std::vector<PluginTensorDesc> tensors() {
    return {tensor({2, 20, 6, 7}, DataType::kHALF, TensorFormat::kHWC8), tensor({9, 16, 16, 2}), tensor({2, 18, 6, 7}),
            tensor({2, 9, 6, 7}), tensor({12}, DataType::kFLOAT), tensor({2, 12, 6, 7}, DataType::kHALF, TensorFormat::kHWC8)};
}

int32_t shape_change(DeformConvPlugin& plugin, const std::vector<PluginTensorDesc>& all) {
    return plugin.onShapeChange(all.data(), 5, all.data() + 5, 1);
}

void creation(Logger& logger) {
    const Attributes a = good();
    auto plugin = create(a.fields());
    CHECK(plugin != nullptr);
    CHECK(plugin->getTimingCacheID() == a.text());
    for (size_t drop = 0; drop < a.fields().size(); ++drop) {
        std::vector<PluginField> fields = a.fields();
        const std::string name = fields[drop].name;
        fields.erase(fields.begin() + static_cast<long>(drop));
        CHECK(create(fields) == nullptr);
        CHECK(logger.last.find(name + " is missing") != std::string::npos);
    }
    for (size_t bad = 0; bad < a.fields().size(); ++bad) {
        std::vector<PluginField> fields = a.fields();
        fields[bad].type = PluginFieldType::kFLOAT32;
        CHECK(create(fields) == nullptr);
        fields = a.fields();
        ++fields[bad].length;
        CHECK(create(fields) == nullptr);
        fields = a.fields();
        fields[bad].data = nullptr;
        CHECK(create(fields) == nullptr);
        const int32_t negative[4] = {-1, -1, -1, -1};
        fields = a.fields();
        fields[bad].data = negative;
        CHECK(create(fields) == nullptr);
        CHECK(logger.last.find("is at least") != std::string::npos);
    }
    Attributes uneven = a;
    uneven.group = 5;
    CHECK(create(uneven.fields()) == nullptr);
    Attributes both = a;
    both.raw = 1;
    CHECK(create(both.fields()) == nullptr);
    CHECK(logger.last.find("has_mask must be 0") != std::string::npos);
    DeformConvCreator creator;
    CHECK(creator.createPlugin("node", nullptr, TensorRTPhase::kBUILD) == nullptr);
    CHECK(creator.getFieldNames()->nbFields == static_cast<int32_t>(a.fields().size()));
    CHECK(std::string(creator.getPluginName()) == "LpsrDeformConv");
}

void round_trip() {
    Attributes a = good();
    a.pads = {0, 1, 2, 3};
    a.relu = 1;
    auto plugin = create(a.fields());
    const PluginFieldCollection* fields = plugin->getFieldsToSerialize();
    CHECK(fields != nullptr);
    DeformConvCreator creator;
    std::unique_ptr<IPluginV3> again(creator.createPlugin("again", fields, TensorRTPhase::kRUNTIME));
    CHECK(again != nullptr);
    CHECK(static_cast<DeformConvPlugin*>(again.get())->getMetadataString() == a.text());
    std::unique_ptr<IPluginV3> copy(plugin->clone());
    plugin.reset();  // a clone leans on nothing of what it was made from
    CHECK(static_cast<DeformConvPlugin*>(copy.get())->getMetadataString() == a.text());
    CHECK(static_cast<DeformConvPlugin*>(copy.get())->getFieldsToSerialize()->nbFields == fields->nbFields);
    for (const auto type : {PluginCapabilityType::kCORE, PluginCapabilityType::kBUILD, PluginCapabilityType::kRUNTIME}) {
        CHECK(copy->getCapabilityInterface(type) != nullptr);
    }
}

// Every combination of types and formats that the plugin takes, asked for as TensorRT asks: by position, what lies
// before being settled.
void formats() {
    auto plugin = create(good().fields());
    const std::vector<std::pair<DataType, TensorFormat>> all = {
        {DataType::kFLOAT, TensorFormat::kLINEAR}, {DataType::kHALF, TensorFormat::kLINEAR},
        {DataType::kHALF, TensorFormat::kHWC8},    {DataType::kFLOAT, TensorFormat::kHWC8},
        {DataType::kINT8, TensorFormat::kLINEAR},  {DataType::kHALF, TensorFormat::kCHW16}};
    std::vector<DynamicPluginTensorDesc> tensors(6);
    std::set<std::vector<int>> taken;
    std::vector<int> chosen;
    auto ask = [&](auto&& self, int32_t position) -> void {
        if (position == 6) {
            taken.insert(chosen);
            return;
        }
        for (size_t each = 0; each < all.size(); ++each) {
            tensors[static_cast<size_t>(position)].desc.type = all[each].first;
            tensors[static_cast<size_t>(position)].desc.format = all[each].second;
            if (!plugin->supportsFormatCombination(position, tensors.data(), 5, 1)) continue;
            chosen.push_back(static_cast<int>(each));
            self(self, position + 1);
            chosen.pop_back();
        }
    };
    ask(ask, 0);
    const std::set<std::vector<int>> wanted = {
        {0, 0, 0, 0, 0, 0},                      // all FP32
        {1, 1, 1, 1, 0, 1}, {1, 1, 0, 0, 0, 1},  // FP16, offsets FP16 or FP32, bias FP32
        {2, 1, 1, 1, 0, 2}, {2, 1, 0, 0, 0, 2}}; // the same, packed by eight
    CHECK(taken == wanted);
    CHECK(!plugin->supportsFormatCombination(6, tensors.data(), 5, 1));
    CHECK(!plugin->supportsFormatCombination(0, tensors.data(), 4, 1));
}

void shapes(Logger& logger) {
    auto plugin = create(good().fields());
    Builder builder;
    Constant n(2), c(20), h(6), w(7), oc(18), oh(5), ow(4);
    DimsExprs in[5]{}, out[1]{};
    for (DimsExprs& each : in) each.nbDims = 4;
    const IDimensionExpr* x[] = {&n, &c, &h, &w};
    const IDimensionExpr* offset[] = {&n, &oc, &oh, &ow};
    std::memcpy(in[0].d, x, sizeof x);
    std::memcpy(in[2].d, offset, sizeof offset);
    CHECK(plugin->getOutputShapes(in, 5, nullptr, 0, out, 1, builder) == 0);
    CHECK(out[0].nbDims == 4 && out[0].d[0] == &n && out[0].d[2] == &oh && out[0].d[3] == &ow);
    CHECK(out[0].d[1]->getConstantValue() == 12);
    CHECK(plugin->getOutputShapes(in, 4, nullptr, 0, out, 1, builder) != 0);
    in[2].nbDims = 3;
    CHECK(plugin->getOutputShapes(in, 5, nullptr, 0, out, 1, builder) != 0);
    const DataType types[5] = {DataType::kHALF, DataType::kHALF, DataType::kHALF, DataType::kHALF, DataType::kFLOAT};
    DataType made[1];
    CHECK(plugin->getOutputDataTypes(made, 1, types, 5) == 0 && made[0] == DataType::kHALF);
    CHECK(plugin->getOutputDataTypes(made, 2, types, 5) != 0);

    std::vector<PluginTensorDesc> all = tensors();
    all[1] = tensor({9, 16, 16, 2});  // 9 taps, 32 / 2 pairs of channels, 12 output channels rounded up to 16
    CHECK(shape_change(*plugin, all) == 0);
    const std::vector<std::pair<size_t, std::vector<int32_t>>> wrong = {
        {1, {9, 16, 12, 2}}, {2, {2, 17, 6, 7}}, {2, {1, 18, 6, 7}}, {3, {2, 9, 6, 6}}, {3, {2, 8, 6, 7}}, {4, {11}}};
    for (const auto& [position, sizes] : wrong) {
        std::vector<PluginTensorDesc> bad = all;
        bad[position].dims = dims(sizes);
        logger.last.clear();
        CHECK(shape_change(*plugin, bad) != 0);
        CHECK(!logger.last.empty());
    }
    CHECK(plugin->onShapeChange(all.data(), 4, all.data() + 5, 1) != 0);

    // Offsets and the mask before its sigmoid in one tensor.
    Attributes raw = good();
    raw.has_mask = 0;
    raw.raw = 1;
    plugin = create(raw.fields());
    CHECK(plugin != nullptr);
    all.erase(all.begin() + 3);
    all[2] = tensor({2, 27, 6, 7});
    CHECK(plugin->onShapeChange(all.data(), 4, all.data() + 4, 1) == 0);
    all[2] = tensor({2, 18, 6, 7});
    CHECK(plugin->onShapeChange(all.data(), 4, all.data() + 4, 1) != 0);
    CHECK(logger.last.find("must have 27 channels") != std::string::npos);
}

void tactics(Logger& logger) {
    auto plugin = create(good().fields());
    CHECK(plugin->setTactic(kChosenTactic) == 0);
    CHECK(plugin->setTactic(kPlainTactic) == 0);
    CHECK(plugin->setTactic(lpsrTacticCount()) != 0);
    CHECK(logger.last.find("no tactic") != std::string::npos);
    CHECK(plugin->setTactic(-1) != 0);
    std::vector<DynamicPluginTensorDesc> in(5), out(1);
    const std::vector<PluginTensorDesc> all = tensors();
    for (size_t each = 0; each < 5; ++each) {
        in[each].desc = all[each];
        in[each].min = in[each].opt = in[each].max = all[each].dims;
    }
    CHECK(plugin->configurePlugin(in.data(), 5, out.data(), 1) == 0);
    CHECK(plugin->configurePlugin(in.data(), 4, out.data(), 1) != 0);
    const int32_t count = plugin->getNbTactics();  // none without a GPU
    std::vector<int32_t> found(static_cast<size_t>(count) + 1);
    CHECK(plugin->getValidTactics(found.data(), count) == 0);
    CHECK(plugin->getValidTactics(found.data(), count + 1) != 0);
    found.resize(static_cast<size_t>(count));
    CHECK(std::set<int32_t>(found.begin(), found.end()).size() == found.size());
    for (const int32_t tactic : found) CHECK(tactic != 0 && plugin->setTactic(tactic) == 0);
}

}  // namespace

int main() {
    Logger logger;
    Finder finder(logger);
    set_logger_finder(&finder);
    creation(logger);
    round_trip();
    formats();
    shapes(logger);
    tactics(logger);
    set_logger_finder(nullptr);
    std::printf("%s\n", failures ? "failed" : "passed");
    return failures ? 1 : 0;
}
