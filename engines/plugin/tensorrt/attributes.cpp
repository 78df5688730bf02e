#include "attributes.h"

#include <cstring>

namespace lpsr {

using nvinfer1::PluginField;
using nvinfer1::PluginFieldCollection;
using nvinfer1::PluginFieldType;

namespace {

struct Entry {
    const char* name;
    int32_t* values;
    int32_t length;
    int32_t least;
};

constexpr size_t kEntries = 11;

std::array<Entry, kEntries> entries(Attributes& a) {
    return {{{"kernel_shape", a.kernel_shape.data(), 2, 1},
             {"strides", a.strides.data(), 2, 1},
             {"dilations", a.dilations.data(), 2, 1},
             {"pads", a.pads.data(), 4, 0},
             {"group", &a.group, 1, 1},
             {"offset_group", &a.offset_group, 1, 1},
             {"out_channels", &a.out_channels, 1, 1},
             {"relu", &a.relu, 1, 0},
             {"has_mask", &a.has_mask, 1, 0},
             {"has_bias", &a.has_bias, 1, 0},
             {"raw", &a.raw, 1, 0}}};
}

const PluginField* find(const PluginFieldCollection& fields, const char* name) {
    for (int32_t each = 0; each < fields.nbFields; ++each) {
        if (fields.fields[each].name && std::strcmp(fields.fields[each].name, name) == 0) return &fields.fields[each];
    }
    return nullptr;
}

}  // namespace

bool Attributes::read(const PluginFieldCollection& fields, Attributes& attributes, std::string& why) {
    if (fields.nbFields < 0 || (fields.nbFields > 0 && !fields.fields)) {
        why = "no fields";
        return false;
    }
    Attributes found;
    for (const Entry& entry : entries(found)) {
        const PluginField* field = find(fields, entry.name);
        if (!field) {
            why = std::string("field ") + entry.name + " is missing";
            return false;
        }
        if (field->type != PluginFieldType::kINT32 || field->length != entry.length || !field->data) {
            why = std::string("field ") + entry.name + " must hold " + std::to_string(entry.length) + " of INT32";
            return false;
        }
        std::memcpy(entry.values, field->data, sizeof(int32_t) * entry.length);
        for (int32_t each = 0; each < entry.length; ++each) {
            if (entry.values[each] < entry.least) {
                why = std::string("field ") + entry.name + " is at least " + std::to_string(entry.least) + ", not " +
                      std::to_string(entry.values[each]);
                return false;
            }
        }
    }
    if (found.out_channels % found.group) {
        why = "out_channels must be a multiple of group";
        return false;
    }
    if (found.raw && found.has_mask) {
        why = "raw takes the mask from the offsets' tensor, so has_mask must be 0";
        return false;
    }
    attributes = found;
    return true;
}

std::vector<PluginField> Attributes::fields() const {
    std::vector<PluginField> made;
    for (const Entry& entry : entries(const_cast<Attributes&>(*this))) {
        made.emplace_back(entry.name, entry.values, PluginFieldType::kINT32, entry.length);
    }
    return made;
}

std::string Attributes::text() const {
    std::string made;
    for (const Entry& entry : entries(const_cast<Attributes&>(*this))) {
        made += std::string(made.empty() ? "" : " ") + entry.name;
        for (int32_t each = 0; each < entry.length; ++each) {
            made += (each ? "," : "=") + std::to_string(entry.values[each]);
        }
    }
    return made;
}

LpsrShape Attributes::shape(const nvinfer1::Dims& x, const nvinfer1::Dims& offset) const {
    auto size = [](auto value) { return static_cast<int32_t>(value); };
    LpsrShape shape{};
    shape.batch = size(x.d[0]);
    shape.channels = size(x.d[1]);
    shape.height = size(x.d[2]);
    shape.width = size(x.d[3]);
    shape.out_channels = out_channels;
    shape.out_height = size(offset.d[2]);
    shape.out_width = size(offset.d[3]);
    shape.kernel_height = kernel_shape[0];
    shape.kernel_width = kernel_shape[1];
    shape.stride_y = strides[0];
    shape.stride_x = strides[1];
    shape.pad_top = pads[0];
    shape.pad_left = pads[1];
    shape.dilation_y = dilations[0];
    shape.dilation_x = dilations[1];
    shape.groups = group;
    shape.offset_groups = offset_group;
    shape.relu = relu;
    shape.raw = raw;
    return shape;
}

}  // namespace lpsr
