package frontend

import (
	"context"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"chasqui/frontend/protocol"
	"chasqui/metadata"
	"chasqui/metadata/catalog"
)

// Limits of tags, in characters.
const (
	maxTagKey   = 128
	maxTagValue = 256
)

// checkTags checks the tags of a queue and returns them as a map.
func checkTags(name string, tags []protocol.Pair) (map[string]string, error) {
	if len(tags) > catalog.TagsMax {
		return nil, tooManyTags(name)
	}
	byKey := make(map[string]string, len(tags))
	for _, tag := range tags {
		if n := utf8.RuneCountInString(tag.Name); n < 1 || n > maxTagKey {
			return nil, invalidParameterText("Tag keys must be between 1 and 128 characters in length.")
		}
		if utf8.RuneCountInString(tag.Value) > maxTagValue {
			return nil, invalidParameterText("Tag values must be between 0 and 256 characters in length.")
		}
		if len(tag.Name) >= 4 && strings.EqualFold(tag.Name[:4], "aws:") {
			return nil, invalidParameterText("Tag keys must not begin with aws:, which is reserved.")
		}
		byKey[tag.Name] = tag.Value
	}
	return byKey, nil
}

// listQueueTags answers ListQueueTags.
func (s *Server) listQueueTags(ctx context.Context, c *caller, q *protocol.ListQueueTagsRequest) (protocol.Response, error) {
	account, name, err := c.resolve(q.QueueURL)
	if err != nil {
		return nil, err
	}
	record, err := s.catalog.GetQueue(ctx, account, name)
	if err != nil {
		return nil, err
	}
	response := new(protocol.TagsResponse)
	for _, key := range slices.Sorted(maps.Keys(record.Tags)) {
		response.Tags = append(response.Tags, protocol.Pair{Name: key, Value: record.Tags[key]})
	}
	return response, nil
}

// tagQueue answers TagQueue: tags of the same key are replaced, others stay.
func (s *Server) tagQueue(ctx context.Context, c *caller, q *protocol.TagQueueRequest) (protocol.Response, error) {
	account, name, err := c.resolve(q.QueueURL)
	if err != nil {
		return nil, err
	}
	if len(q.Tags) == 0 {
		return nil, missingParameter("Tags")
	}
	tags, err := checkTags(name, q.Tags)
	if err != nil {
		return nil, s.unlessMissing(ctx, account, name, err)
	}
	return s.change(ctx, metadata.SetRequest{Account: account, Name: name, Tags: tags})
}

// untagQueue answers UntagQueue. A key that is not there is no error.
func (s *Server) untagQueue(ctx context.Context, c *caller, q *protocol.UntagQueueRequest) (protocol.Response, error) {
	account, name, err := c.resolve(q.QueueURL)
	if err != nil {
		return nil, err
	}
	if len(q.TagKeys) == 0 {
		return nil, missingParameter("TagKeys")
	}
	if err := checkTagKeys(name, q.TagKeys); err != nil {
		return nil, s.unlessMissing(ctx, account, name, err)
	}
	return s.change(ctx, metadata.SetRequest{Account: account, Name: name, RemoveTags: q.TagKeys})
}

func checkTagKeys(name string, keys []string) error {
	if len(keys) > catalog.TagsMax {
		return tooManyTags(name)
	}
	for _, key := range keys {
		if utf8.RuneCountInString(key) > maxTagKey {
			return invalidParameterText("Tag keys must be between 1 and 128 characters in length.")
		}
	}
	return nil
}
