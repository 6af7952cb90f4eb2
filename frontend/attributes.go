package frontend

import (
	"slices"
	"strconv"
	"strings"

	"chasqui/backend/queue"
	"chasqui/frontend/protocol"
	"chasqui/metadata/catalog"
)

// Queue attributes of our own. The API calls them as the catalog does, with a prefix. Clients that do not know them never
// see them, as long as a queue has the values that it gets without them.
const (
	ourPrefix = "Chasqui"
	// partitionsAttribute is the number of partitions, 1 to 64, fixed at creation.
	partitionsAttribute = ourPrefix + "Partitions"
	// protectionAttribute, true or false, makes DeleteQueue fail.
	protectionAttribute = ourPrefix + "DeletionProtection"
	// deliveryAttribute is how often messages are delivered, fixed at creation: atLeastOnce, atMostOnce or exactlyOnce.
	deliveryAttribute = ourPrefix + "Delivery"
)

// apiAttributeName returns what the API calls an attribute of the catalog.
func apiAttributeName(catalogName string) string {
	if attributeNamed(ourPrefix+catalogName) != nil {
		return ourPrefix + catalogName
	}
	return catalogName
}

// view is a queue as GetQueueAttributes sees it.
type view struct {
	record *catalog.Queue
	arn    string
	stats  queue.Stats
}

// attribute is one queue attribute of the API: how it is read from a request (nil if clients cannot set it) and how it
// is shown ("" if it is not set and so left out).
type attribute struct {
	name  string
	parse func(a *catalog.Attributes, text string) error
	show  func(v *view) string
	// stats says that it is a count of messages.
	stats bool
	// ours are shown when asked for by name, and in "All" only if they differ from those of a queue created without.
	ours bool
}

// attributes is the table of queue attributes (SQS-API.md, section 3.2), in the order in which they are listed.
var attributes = []attribute{
	{name: "QueueArn", show: func(v *view) string { return v.arn }},
	{name: "ApproximateNumberOfMessages", stats: true, show: func(v *view) string { return strconv.Itoa(v.stats.Visible) }},
	{name: "ApproximateNumberOfMessagesNotVisible", stats: true, show: func(v *view) string { return strconv.Itoa(v.stats.InFlight) }},
	{name: "ApproximateNumberOfMessagesDelayed", stats: true, show: func(v *view) string { return strconv.Itoa(v.stats.Delayed) }},
	{name: "CreatedTimestamp", show: func(v *view) string { return strconv.FormatInt(v.record.CreatedMs/1000, 10) }},
	{name: "LastModifiedTimestamp", show: func(v *view) string { return strconv.FormatInt(v.record.ModifiedMs/1000, 10) }},
	number("VisibilityTimeout", 0, maxVisibilitySeconds, func(a *catalog.Attributes) *int { return &a.VisibilityTimeout }),
	number("MaximumMessageSize", 1024, maxBatchBytes, func(a *catalog.Attributes) *int { return &a.MaximumMessageSize }),
	number("MessageRetentionPeriod", 60, 1209600, func(a *catalog.Attributes) *int { return &a.MessageRetentionPeriod }),
	number("DelaySeconds", 0, maxDelaySeconds, func(a *catalog.Attributes) *int { return &a.DelaySeconds }),
	number("ReceiveMessageWaitTimeSeconds", 0, maxWaitSeconds, func(a *catalog.Attributes) *int { return &a.ReceiveMessageWaitTimeSeconds }),
	{name: "Policy", parse: parsePolicy, show: func(v *view) string { return v.record.Attributes.Policy }},
	{name: "RedrivePolicy", parse: parseRedrivePolicy, show: func(v *view) string { return v.record.Attributes.RedrivePolicy }},
	{name: "RedriveAllowPolicy", parse: parseRedriveAllowPolicy, show: func(v *view) string { return v.record.Attributes.RedriveAllowPolicy }},
	flag("SqsManagedSseEnabled", func(a *catalog.Attributes) *bool { return &a.SqsManagedSseEnabled }),
	{name: "KmsMasterKeyId", parse: parseKey, show: func(v *view) string { return v.record.Attributes.KmsMasterKeyId }},
	{name: "KmsDataKeyReusePeriodSeconds", show: showKeyPeriod, parse: number("KmsDataKeyReusePeriodSeconds", 60, 86400,
		func(a *catalog.Attributes) *int { return &a.KmsDataKeyReusePeriodSeconds }).parse},
	{name: "FifoQueue", parse: parseFifoQueue, show: func(v *view) string { return onFifo(v, "true") }},
	{name: "ContentBasedDeduplication", show: func(v *view) string {
		return onFifo(v, strconv.FormatBool(v.record.Attributes.ContentBasedDeduplication))
	}, parse: flag("ContentBasedDeduplication", func(a *catalog.Attributes) *bool { return &a.ContentBasedDeduplication }).parse},
	choice("DeduplicationScope", func(a *catalog.Attributes) *string { return &a.DeduplicationScope },
		catalog.ScopeQueue, catalog.ScopeMessageGroup),
	choice("FifoThroughputLimit", func(a *catalog.Attributes) *string { return &a.FifoThroughputLimit },
		catalog.ThroughputPerQueue, catalog.ThroughputPerGroupID),
	our(number(partitionsAttribute, 1, catalog.PartitionsMax, func(a *catalog.Attributes) *int { return &a.Partitions })),
	our(flag(protectionAttribute, func(a *catalog.Attributes) *bool { return &a.DeletionProtection })),
	our(attribute{name: deliveryAttribute, show: func(v *view) string { return v.record.Attributes.Delivery },
		parse: choice(deliveryAttribute, func(a *catalog.Attributes) *string { return &a.Delivery },
			catalog.DeliverAtLeastOnce, catalog.DeliverAtMostOnce, catalog.DeliverExactlyOnce).parse}),
}

// number makes the row of an attribute that is a whole number of a range.
func number(name string, least, most int, field func(*catalog.Attributes) *int) attribute {
	return attribute{
		name: name,
		show: func(v *view) string { return strconv.Itoa(*field(&v.record.Attributes)) },
		parse: func(a *catalog.Attributes, text string) error {
			value, err := strconv.Atoi(text)
			if err != nil || value < least || value > most {
				return invalidAttributeValue(name, "")
			}
			*field(a) = value
			return nil
		},
	}
}

// flag makes the row of an attribute that is true or false, in letters of any case.
func flag(name string, field func(*catalog.Attributes) *bool) attribute {
	return attribute{
		name: name,
		show: func(v *view) string { return strconv.FormatBool(*field(&v.record.Attributes)) },
		parse: func(a *catalog.Attributes, text string) error {
			*field(a) = strings.EqualFold(text, "true")
			if !*field(a) && !strings.EqualFold(text, "false") {
				return invalidAttributeValue(name, "")
			}
			return nil
		},
	}
}

// choice makes the row of an attribute that has one of a few values, on FIFO queues.
func choice(name string, field func(*catalog.Attributes) *string, values ...string) attribute {
	return attribute{
		name: name,
		show: func(v *view) string { return onFifo(v, *field(&v.record.Attributes)) },
		parse: func(a *catalog.Attributes, text string) error {
			if !slices.Contains(values, text) {
				return invalidAttributeValue(name, "")
			}
			*field(a) = text
			return nil
		},
	}
}

func our(row attribute) attribute {
	row.ours = true
	return row
}

// isDefault tells whether an attribute is as a queue has it that was created without.
func (v *view) isDefault(row *attribute) bool {
	plain := *v.record
	plain.Attributes = catalog.DefaultAttributes(v.record.FIFO)
	return row.show(v) == row.show(&view{record: &plain})
}

func onFifo(v *view, text string) string {
	if !v.record.FIFO {
		return ""
	}
	return text
}

// defaultKeyPeriod is the default of KmsDataKeyReusePeriodSeconds, in seconds. AWS does not show it.
const defaultKeyPeriod = 300

func showKeyPeriod(v *view) string {
	a := &v.record.Attributes
	if a.KmsMasterKeyId == "" || a.KmsDataKeyReusePeriodSeconds == defaultKeyPeriod {
		return ""
	}
	return strconv.Itoa(a.KmsDataKeyReusePeriodSeconds)
}

// maxKeyIDBytes bounds the id, alias or ARN of a KMS key.
const maxKeyIDBytes = 2048

func parseKey(a *catalog.Attributes, text string) error {
	if len(text) > maxKeyIDBytes {
		return invalidAttributeValue("KmsMasterKeyId", "")
	}
	a.KmsMasterKeyId = text
	return nil
}

func parseFifoQueue(a *catalog.Attributes, text string) error {
	if !strings.EqualFold(text, "true") {
		return invalidAttributeValue("FifoQueue", "Modifying queue type is not supported.")
	}
	a.FifoQueue = true
	return nil
}

func attributeNamed(name string) *attribute {
	for i := range attributes {
		if attributes[i].name == name {
			return &attributes[i]
		}
	}
	return nil
}

// isAttributeName reports whether GetQueueAttributes may be asked for a name.
func isAttributeName(name string) bool { return name == "All" || attributeNamed(name) != nil }

// needsStats reports whether the answer to a name contains counts of messages.
func needsStats(name string) bool {
	row := attributeNamed(name)
	return name == "All" || row != nil && row.stats
}

// show returns the attributes asked for that are set.
func (v *view) show(names []string) []protocol.Pair {
	var pairs []protocol.Pair
	all := slices.Contains(names, "All")
	for i := range attributes {
		row := &attributes[i]
		named := slices.Contains(names, row.name)
		if !all && !named {
			continue
		}
		value := row.show(v)
		if value == "" || !named && row.ours && v.isDefault(row) {
			continue
		}
		pairs = append(pairs, protocol.Pair{Name: row.name, Value: value})
	}
	return pairs
}

// fifoOnly are the attributes that only FIFO queues have, and how a standard queue refuses them.
var fifoOnly = map[string]func(name string) error{
	"FifoQueue":                 unknownAttribute,
	"ContentBasedDeduplication": unknownAttribute,
	"DeduplicationScope":        fifoOnlyAttribute,
	"FifoThroughputLimit":       fifoOnlyAttribute,
}

// parseAttributes checks the attributes of a queue to be created and returns what they set.
func parseAttributes(pairs []protocol.Pair, fifo bool) (catalog.Patch, error) {
	var patch catalog.Patch
	for _, pair := range pairs {
		row := attributeNamed(pair.Name)
		if row == nil || row.parse == nil {
			return patch, unknownAttribute(pair.Name)
		}
		if refuse := fifoOnly[pair.Name]; refuse != nil && !fifo {
			return patch, refuse(pair.Name)
		}
		if err := row.parse(&patch.Values, pair.Value); err != nil {
			return patch, err
		}
		name := pair.Name
		if row.ours {
			name = strings.TrimPrefix(name, ourPrefix)
		}
		patch.Given = append(patch.Given, name)
	}
	if patch.Values.SqsManagedSseEnabled && patch.Values.KmsMasterKeyId != "" {
		return patch, errTwoEncryptions
	}
	return patch, nil
}

// parseChanges checks the attributes that a queue is to get.
func parseChanges(pairs []protocol.Pair, fifo bool) (catalog.Patch, error) {
	for _, pair := range pairs {
		if pair.Name == partitionsAttribute {
			return catalog.Patch{}, invalidAttributeValue(pair.Name, "The number of partitions is fixed at creation.")
		}
	}
	return parseAttributes(pairs, fifo)
}
