// SPDX-License-Identifier: Apache-2.0

package proxies

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"google.golang.org/protobuf/encoding/protowire"
)

// The fields of the messages that a sync status is in.
const (
	resourcesField protowire.Number = 2 // of a DiscoveryResponse: an Any
	valueField     protowire.Number = 2 // of an Any: here the page itself, as JSON
)

// stream is what messages are read from.
type stream interface {
	io.Reader
	io.ByteReader
}

// readSync reads the sync status from the DiscoveryResponse that body begins with, and no further.
func readSync(body stream, into syncStatus) error {
	resource, err := field(body, resourcesField)
	if err != nil {
		return fmt.Errorf("find the resource: %w", err)
	}
	page, err := field(resource, valueField)
	if err != nil {
		return fmt.Errorf("find the page: %w", err)
	}
	return into.read(page, maxSync)
}

// field returns the bytes of the first field of a message with a number.
func field(message stream, number protowire.Number) (*part, error) {
	for {
		found, size, err := nextField(message)
		if err != nil {
			return nil, err
		}
		if found == number {
			return &part{message: message, left: size}, nil
		}
		if _, err := io.CopyN(io.Discard, message, size); err != nil {
			return nil, err
		}
	}
}

// nextField reads the number of the next field, and how many bytes it has that were not read.
func nextField(message stream) (number protowire.Number, size int64, err error) {
	tag, err := binary.ReadUvarint(message)
	if err != nil {
		return 0, 0, err
	}
	number, kind := protowire.DecodeTag(tag)
	value, err := binary.ReadUvarint(message)
	switch {
	case err != nil:
		return 0, 0, err
	case kind == protowire.VarintType:
		return 0, 0, nil
	case kind != protowire.BytesType || value > maxSync:
		return 0, 0, errors.New("the message is malformed or too long")
	}
	return number, int64(value), nil
}

// part is the next bytes of a message.
type part struct {
	message stream
	left    int64
}

func (p *part) Read(b []byte) (int, error) {
	if p.left <= 0 {
		return 0, io.EOF
	}
	n, err := p.message.Read(b[:min(int64(len(b)), p.left)])
	p.left -= int64(n)
	return n, err
}

// ReadByte implements io.ByteReader.
func (p *part) ReadByte() (byte, error) {
	if p.left <= 0 {
		return 0, io.EOF
	}
	p.left--
	return p.message.ReadByte()
}
