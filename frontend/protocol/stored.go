package protocol

import (
	"fmt"

	"chasqui/node/rpc"

	"github.com/vmihailenco/msgpack/v5"
)

// Message attributes are stored beside the message as bytes that the backend does not look into: an msgpack array
//
//	[ 1, name, DataType, value, name, DataType, value, ... ]      1 is the version; value is binary
//
// A message without attributes stores no bytes at all.
const storedVersion = 1

// Limits on reading the stored form, where the system attributes use it too.
const (
	maxStoredAttributes = 2 * MaxAttributes
	maxStoredValueBytes = 1<<20 + 64<<10
)

type storedAttributes []MessageAttribute

// EncodeAttributes returns the stored form of attributes.
func EncodeAttributes(attributes []MessageAttribute) []byte {
	if len(attributes) == 0 {
		return nil
	}
	return rpc.Encode(storedAttributes(attributes))
}

// DecodeAttributes reads the stored form. The values may share memory with stored.
func DecodeAttributes(stored []byte) ([]MessageAttribute, error) {
	if len(stored) == 0 {
		return nil, nil
	}
	var attributes storedAttributes
	if err := rpc.Decode(stored, &attributes); err != nil {
		return nil, fmt.Errorf("decode stored message attributes: %w", err)
	}
	return attributes, nil
}

// EncodeMsgpack writes the array.
func (s storedAttributes) EncodeMsgpack(e *msgpack.Encoder) error {
	if err := e.EncodeArrayLen(1 + 3*len(s)); err != nil {
		return err
	}
	if err := e.EncodeUint(storedVersion); err != nil {
		return err
	}
	for i := range s {
		if err := e.EncodeString(s[i].Name); err != nil {
			return err
		}
		if err := e.EncodeString(s[i].DataType); err != nil {
			return err
		}
		if err := e.EncodeBytes(s[i].Value); err != nil {
			return err
		}
	}
	return nil
}

// DecodeMsgpack reads the array.
func (s *storedAttributes) DecodeMsgpack(d *msgpack.Decoder) error {
	n, err := rpc.DecodeArrayLen(d, 1+3*maxStoredAttributes)
	if err != nil {
		return err
	}
	version, err := d.DecodeUint64()
	if err != nil {
		return err
	}
	if version != storedVersion || n%3 != 1 {
		return fmt.Errorf("attributes of version %d with %d elements, want version %d", version, n, storedVersion)
	}
	attributes := make([]MessageAttribute, n/3)
	for i := range attributes {
		if attributes[i].Name, err = rpc.DecodeString(d, maxAttributeNameBytes); err != nil {
			return err
		}
		if attributes[i].DataType, err = rpc.DecodeString(d, maxAttributeTypeBytes); err != nil {
			return err
		}
		if attributes[i].Value, err = rpc.DecodeBytes(d, maxStoredValueBytes); err != nil {
			return err
		}
	}
	*s = attributes
	return nil
}
