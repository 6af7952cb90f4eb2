package backend

import (
	"encoding/json"
	"strings"

	"chasqui/backend/queue"
	"chasqui/metadata/catalog"
)

// SettingsOf returns what a partition must know of its queue.
func SettingsOf(record *catalog.Queue) *queue.Settings {
	settings := &queue.Settings{
		Version:       record.Version,
		FIFO:          record.FIFO,
		RetentionMs:   int64(record.Attributes.MessageRetentionPeriod) * 1000,
		DedupPerGroup: record.DedupPerGroup,
		Delivery:      deliveryOf(record),
		Redrive:       redriveOf(record),
	}
	if record.FIFO {
		settings.DelayMs = int64(record.Attributes.DelaySeconds) * 1000
	}
	return settings
}

func deliveryOf(record *catalog.Queue) queue.Delivery {
	switch record.Attributes.Delivery {
	case catalog.DeliverAtMostOnce:
		return queue.AtMostOnce
	case catalog.DeliverExactlyOnce:
		return queue.ExactlyOnce
	default:
		return queue.AtLeastOnce
	}
}

// redriveOf reads a queue's redrive policy, which the frontend has checked and written in one form. The dead-letter
// queue is in the same account and region, so the queue's own ARN differs from that one's by the name only.
func redriveOf(record *catalog.Queue) queue.Redrive {
	var policy struct {
		Target string `json:"deadLetterTargetArn"`
		Count  uint32 `json:"maxReceiveCount"`
	}
	if record.Attributes.RedrivePolicy == "" || json.Unmarshal([]byte(record.Attributes.RedrivePolicy), &policy) != nil {
		return queue.Redrive{}
	}
	target, ok := queue.ParseARN(policy.Target)
	if !ok || policy.Count == 0 {
		return queue.Redrive{}
	}
	return queue.Redrive{MaxReceives: policy.Count, Target: target, SourceARN: strings.TrimSuffix(policy.Target, target.Name) + record.Name}
}

// GroupPartition returns the partition of a message group. It must be the same everywhere and for ever, so the hash is
// a fixed one (FNV-1a, 64 bits).
func GroupPartition(record *catalog.Queue, group string) int {
	const offset, prime = 14695981039346656037, 1099511628211
	hash := uint64(offset)
	for i := range len(group) {
		hash = (hash ^ uint64(group[i])) * prime
	}
	return int(hash % uint64(len(record.Slots)))
}
