// SPDX-License-Identifier: Apache-2.0

package filtertest

import (
	"fmt"
	"reflect"
	"strings"
	"sync"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
)

// descriptor returns the message of a whole file. It is made of the types of the schema when it is first wanted, so that
// they are the only place that has the fields: no code is generated, and no compiler of .proto files is needed. The numbers
// of fields, which text does not have, are their places. The syntax is proto2, whose fields can all be absent.
var descriptor = sync.OnceValues(func() (protoreflect.MessageDescriptor, error) {
	d := &describer{
		file: &descriptorpb.FileDescriptorProto{Name: proto.String("filtertest.proto"), Syntax: proto.String("proto2")},
		seen: map[string]bool{},
	}
	root := d.message(reflect.TypeFor[suite]())
	file, err := protodesc.NewFile(d.file, nil)
	if err != nil {
		return nil, fmt.Errorf("describe the format of test files: %w", err)
	}
	return file.Messages().ByName(protoreflect.Name(strings.TrimPrefix(root, "."))), nil
})

// describer makes messages of types.
type describer struct {
	file *descriptorpb.FileDescriptorProto
	seen map[string]bool
}

// message describes a struct and what it holds, and returns its name with a dot before it.
func (d *describer) message(t reflect.Type) string {
	name := t.Name()
	if d.seen[name] {
		return "." + name
	}
	d.seen[name] = true
	m := &descriptorpb.DescriptorProto{Name: &name}
	d.file.MessageType = append(d.file.MessageType, m)
	for i := range t.NumField() {
		m.Field = append(m.Field, d.field(m, t.Field(i), int32(i+1)))
	}
	return "." + name
}

func (d *describer) field(
	m *descriptorpb.DescriptorProto, f reflect.StructField, number int32,
) *descriptorpb.FieldDescriptorProto {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	field := &descriptorpb.FieldDescriptorProto{
		Name: &name, Number: &number, Label: descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum(),
	}
	t := f.Type
	if t.Kind() == reflect.Slice && t.Elem().Kind() != reflect.Uint8 {
		field.Label = descriptorpb.FieldDescriptorProto_LABEL_REPEATED.Enum()
		t = t.Elem()
	}
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	d.setType(field, t)
	if oneof := f.Tag.Get("oneof"); oneof != "" {
		field.OneofIndex = proto.Int32(oneofIndex(m, oneof))
	}
	return field
}

// kinds are the types of scalars.
var kinds = map[reflect.Kind]descriptorpb.FieldDescriptorProto_Type{
	reflect.String: descriptorpb.FieldDescriptorProto_TYPE_STRING,
	reflect.Slice:  descriptorpb.FieldDescriptorProto_TYPE_BYTES,
	reflect.Bool:   descriptorpb.FieldDescriptorProto_TYPE_BOOL,
	reflect.Int32:  descriptorpb.FieldDescriptorProto_TYPE_INT32,
	reflect.Int64:  descriptorpb.FieldDescriptorProto_TYPE_INT64,
	reflect.Uint32: descriptorpb.FieldDescriptorProto_TYPE_UINT32,
	reflect.Uint64: descriptorpb.FieldDescriptorProto_TYPE_UINT64,
}

func (d *describer) setType(field *descriptorpb.FieldDescriptorProto, t reflect.Type) {
	switch {
	case t == reflect.TypeFor[logLevel]():
		field.Type = descriptorpb.FieldDescriptorProto_TYPE_ENUM.Enum()
		field.TypeName = proto.String(d.enum(t.Name(), logLevels))
	case t.Kind() == reflect.Struct:
		field.Type = descriptorpb.FieldDescriptorProto_TYPE_MESSAGE.Enum()
		field.TypeName = proto.String(d.message(t))
	default:
		field.Type = kinds[t.Kind()].Enum()
	}
}

func (d *describer) enum(name string, values []string) string {
	e := &descriptorpb.EnumDescriptorProto{Name: &name}
	for i, value := range values {
		e.Value = append(e.Value, &descriptorpb.EnumValueDescriptorProto{
			Name: proto.String(value), Number: proto.Int32(int32(i)),
		})
	}
	d.file.EnumType = append(d.file.EnumType, e)
	return "." + name
}

// oneofIndex returns the place of a oneof of the message, which is added with its first field.
func oneofIndex(m *descriptorpb.DescriptorProto, name string) int32 {
	for i, o := range m.OneofDecl {
		if o.GetName() == name {
			return int32(i)
		}
	}
	m.OneofDecl = append(m.OneofDecl, &descriptorpb.OneofDescriptorProto{Name: &name})
	return int32(len(m.OneofDecl) - 1)
}
