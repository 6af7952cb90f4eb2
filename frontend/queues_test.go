package frontend

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCreateQueue(t *testing.T) {
	s := newWorld(t).frontend(t)
	url := s.create("q", "DelaySeconds", "5")
	require.Equal(t, "http://sqs.test/"+testAccount+"/q", url)
	require.Equal(t, url, s.create("q"))
	require.Equal(t, url, s.create("q", "DelaySeconds", "5", "VisibilityTimeout", "30"))
	s.create(strings.Repeat("n", 80))
	s.create("f.fifo", "FifoQueue", "TRUE", "ContentBasedDeduplication", "True", "DeduplicationScope", "messageGroup")

	const badName = "Bad Request InvalidParameterValueException: Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length"
	const badFifoName = "Bad Request InvalidParameterValueException: The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, must end with .fifo suffix and be 1 to 80 in length."
	type given = map[string]string
	for name, test := range map[string]struct {
		queue      string
		attributes given
		want       string
	}{
		"no name":               {"", nil, "Bad Request MissingRequiredParameterException: The request must contain the parameter QueueName."},
		"characters":            {"a b", nil, badName},
		"long":                  {strings.Repeat("n", 81), nil, badName},
		"fifo name":             {"x.fifo", nil, badName},
		"fifo name, false":      {"x.fifo", given{"FifoQueue": "false"}, badName},
		"standard name":         {"x", given{"FifoQueue": "true"}, badFifoName},
		"long fifo name":        {strings.Repeat("n", 76) + ".fifo", given{"FifoQueue": "true"}, badFifoName},
		"difference":            {"q", given{"DelaySeconds": "6"}, "Bad Request QueueNameExists: A queue already exists with the same name and a different value for attribute DelaySeconds"},
		"unknown":               {"x", given{"Color": "red"}, "Bad Request InvalidAttributeName: Unknown Attribute Color."},
		"read only":             {"x", given{"QueueArn": "a"}, "Bad Request InvalidAttributeName: Unknown Attribute QueueArn."},
		"the catalog's name":    {"x", given{"Partitions": "2"}, "Bad Request InvalidAttributeName: Unknown Attribute Partitions."},
		"FifoQueue false":       {"x", given{"FifoQueue": "false"}, "Bad Request InvalidAttributeName: Unknown Attribute FifoQueue."},
		"deduplication":         {"x", given{"ContentBasedDeduplication": "true"}, "Bad Request InvalidAttributeName: Unknown Attribute ContentBasedDeduplication."},
		"scope":                 {"x", given{"DeduplicationScope": "queue"}, "Bad Request InvalidAttributeName: You can specify the DeduplicationScope only when FifoQueue is set to true."},
		"limit":                 {"x", given{"FifoThroughputLimit": "perQueue"}, "Bad Request InvalidAttributeName: You can specify the FifoThroughputLimit only when FifoQueue is set to true."},
		"limit without scope":   {"x.fifo", given{"FifoQueue": "true", "FifoThroughputLimit": "perMessageGroupId"}, "Bad Request InvalidAttributeValue: Invalid value for the parameter FifoThroughputLimit. Reason: perMessageGroupId needs DeduplicationScope messageGroup"},
		"bad scope":             {"x.fifo", given{"FifoQueue": "true", "DeduplicationScope": "all"}, "Bad Request InvalidAttributeValue: Invalid value for the parameter DeduplicationScope."},
		"delay":                 {"x", given{"DelaySeconds": "901"}, "Bad Request InvalidAttributeValue: Invalid value for the parameter DelaySeconds."},
		"size":                  {"x", given{"MaximumMessageSize": "1023"}, "Bad Request InvalidAttributeValue: Invalid value for the parameter MaximumMessageSize."},
		"retention":             {"x", given{"MessageRetentionPeriod": "59"}, "Bad Request InvalidAttributeValue: Invalid value for the parameter MessageRetentionPeriod."},
		"wait":                  {"x", given{"ReceiveMessageWaitTimeSeconds": "21"}, "Bad Request InvalidAttributeValue: Invalid value for the parameter ReceiveMessageWaitTimeSeconds."},
		"visibility":            {"x", given{"VisibilityTimeout": "43201"}, "Bad Request InvalidAttributeValue: Invalid value for the parameter VisibilityTimeout."},
		"not a number":          {"x", given{"VisibilityTimeout": "ten"}, "Bad Request InvalidAttributeValue: Invalid value for the parameter VisibilityTimeout."},
		"not a boolean":         {"x", given{"SqsManagedSseEnabled": "yes"}, "Bad Request InvalidAttributeValue: Invalid value for the parameter SqsManagedSseEnabled."},
		"key period":            {"x", given{"KmsDataKeyReusePeriodSeconds": "59"}, "Bad Request InvalidAttributeValue: Invalid value for the parameter KmsDataKeyReusePeriodSeconds."},
		"two encryptions":       {"x", given{"SqsManagedSseEnabled": "true", "KmsMasterKeyId": "k"}, "Bad Request InvalidAttributeName: You can use one type of server-side encryption (SSE) at one time. You can either enable KMS SSE or SQS SSE."},
		"statements":            {"x", given{"Policy": `{"Statement":[` + strings.Repeat("{},", 20) + `{}]}`}, "Bad Request InvalidAttributeValue: Invalid value for the parameter Policy. Reason: It has more than 20 statements."},
		"principals":            {"x", given{"Policy": `{"Statement":[{"Principal":"*"},{"Principal":{"AWS":["1"` + strings.Repeat(`,"1"`, 48) + `],"Service":"s"}}]}`}, "Bad Request InvalidAttributeValue: Invalid value for the parameter Policy. Reason: It has more than 50 principals."},
		"conditions":            {"x", given{"Policy": `{"Statement":[` + strings.Repeat(`{"Condition":{"Bool":{"a":"true","b":"true"}}},`, 5) + `{"Condition":{"Null":{"c":"true"}}}]}`}, "Bad Request InvalidAttributeValue: Invalid value for the parameter Policy. Reason: It has more than 10 conditions."},
		"policy":                {"x", given{"Policy": "[]"}, "Bad Request InvalidAttributeValue: Invalid value for the parameter Policy."},
		"partitions":            {"x", given{"ChasquiPartitions": "65"}, "Bad Request InvalidAttributeValue: Invalid value for the parameter ChasquiPartitions."},
		"other partitions":      {"q", given{"ChasquiPartitions": "2"}, "Bad Request QueueNameExists: A queue already exists with the same name and a different value for attribute ChasquiPartitions"},
		"redrive not JSON":      {"x", given{"RedrivePolicy": "x"}, "Bad Request InvalidParameterValueException: Value x for parameter RedrivePolicy is invalid. Reason: Redrive policy is not a valid JSON map."},
		"redrive without count": {"x", given{"RedrivePolicy": `{}`}, "Bad Request InvalidParameterValueException: Value {} for parameter RedrivePolicy is invalid. Reason: Redrive policy does not contain mandatory attribute: maxReceiveCount."},
		"redrive count":         {"x", given{"RedrivePolicy": `{"deadLetterTargetArn":"a","maxReceiveCount":1001}`}, `Bad Request InvalidParameterValueException: Value {"deadLetterTargetArn":"a","maxReceiveCount":1001} for parameter RedrivePolicy is invalid. Reason: Invalid value for maxReceiveCount: 1001, valid values are from 1 to 1000 both inclusive.`},
		"redrive to nowhere":    {"x", given{"RedrivePolicy": `{"deadLetterTargetArn":"arn:aws:sqs:us-west-2:123456789012:none","maxReceiveCount":1}`}, `Bad Request InvalidParameterValueException: Value {"deadLetterTargetArn":"arn:aws:sqs:us-west-2:123456789012:none","maxReceiveCount":1} for parameter RedrivePolicy is invalid. Reason: Dead letter target does not exist.`},
		"redrive elsewhere":     {"x", given{"RedrivePolicy": `{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:123456789012:q","maxReceiveCount":1}`}, `Bad Request InvalidParameterValueException: Value {"deadLetterTargetArn":"arn:aws:sqs:us-east-1:123456789012:q","maxReceiveCount":1} for parameter RedrivePolicy is invalid. Reason: Dead letter target must be in same region and account.`},
		"redrive to fifo":       {"x", given{"RedrivePolicy": `{"deadLetterTargetArn":"arn:aws:sqs:us-west-2:123456789012:f.fifo","maxReceiveCount":1}`}, `Bad Request InvalidParameterValueException: Value {"deadLetterTargetArn":"arn:aws:sqs:us-west-2:123456789012:f.fifo","maxReceiveCount":1} for parameter RedrivePolicy is invalid. Reason: Dead-letter queue must be same type of queue as the source.`},
		"redrive permission":    {"x", given{"RedriveAllowPolicy": `{"redrivePermission":"some"}`}, `Bad Request InvalidParameterValueException: Value {"redrivePermission":"some"} for parameter RedriveAllowPolicy is invalid. Reason: Invalid value for redrivePermission, valid values are allowAll, denyAll and byQueue.`},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, test.want, s.fails("CreateQueue", document{"QueueName": test.queue, "Attributes": test.attributes}))
		})
	}
	require.Equal(t, "Bad Request InvalidParameterValueException: Tag keys must not begin with aws:, which is reserved.",
		s.fails("CreateQueue", document{"QueueName": "x", "tags": given{"aws:x": "y"}}))
}

func TestQueueAttributes(t *testing.T) {
	s := newWorld(t).frontend(t)
	url := s.create("q")
	get := func(url string, names ...string) document {
		t.Helper()
		attributes, _ := s.ok("GetQueueAttributes", document{"QueueUrl": url, "AttributeNames": names})["Attributes"].(document)
		delete(attributes, "CreatedTimestamp")
		delete(attributes, "LastModifiedTimestamp")
		return attributes
	}
	defaults := document{
		"QueueArn": "arn:aws:sqs:us-west-2:123456789012:q", "ApproximateNumberOfMessages": "0",
		"ApproximateNumberOfMessagesNotVisible": "0", "ApproximateNumberOfMessagesDelayed": "0", "VisibilityTimeout": "30",
		"MaximumMessageSize": "1048576", "MessageRetentionPeriod": "345600", "DelaySeconds": "0",
		"ReceiveMessageWaitTimeSeconds": "0", "SqsManagedSseEnabled": "true",
	}
	require.Equal(t, defaults, get(url, "All"))
	require.Nil(t, get(url))
	require.Equal(t, document{"ChasquiPartitions": "1"}, get(url, "ChasquiPartitions"))
	require.Len(t, s.ok("GetQueueAttributes", document{"QueueUrl": url, "AttributeNames": []string{"CreatedTimestamp"}})["Attributes"].(document)["CreatedTimestamp"], 10)
	require.Equal(t, "Bad Request InvalidAttributeName: Unknown Attribute Color.",
		s.fails("GetQueueAttributes", document{"QueueUrl": url, "AttributeNames": []string{"All", "Color"}}))

	set := func(url string, attributes map[string]string) {
		t.Helper()
		require.Nil(t, s.ok("SetQueueAttributes", document{"QueueUrl": url, "Attributes": attributes}))
	}
	s.create("dead")
	set(url, map[string]string{"VisibilityTimeout": "0", "KmsMasterKeyId": "alias/k", "KmsDataKeyReusePeriodSeconds": "60",
		"Policy":        ` { "Statement" : [ ] } `,
		"RedrivePolicy": `{"maxReceiveCount":"3", "deadLetterTargetArn":"arn:aws:sqs:us-west-2:123456789012:dead"}`})
	require.Equal(t, document{"VisibilityTimeout": "0", "DelaySeconds": "0", "KmsMasterKeyId": "alias/k", "KmsDataKeyReusePeriodSeconds": "60",
		"SqsManagedSseEnabled": "false", "Policy": `{"Statement":[]}`,
		"RedrivePolicy": `{"deadLetterTargetArn":"arn:aws:sqs:us-west-2:123456789012:dead","maxReceiveCount":3}`},
		get(url, "VisibilityTimeout", "DelaySeconds", "KmsMasterKeyId", "KmsDataKeyReusePeriodSeconds", "SqsManagedSseEnabled", "Policy", "RedrivePolicy"))
	set(url, map[string]string{"VisibilityTimeout": "30", "KmsMasterKeyId": "", "Policy": "", "RedrivePolicy": ""})
	defaults["SqsManagedSseEnabled"] = "false"
	require.Equal(t, defaults, get(url, "All"))

	set(url, map[string]string{"RedriveAllowPolicy": `{"sourceQueueArns": ["a<&>b"], "redrivePermission": "byQueue"}`})
	require.Equal(t, document{"RedriveAllowPolicy": `{"redrivePermission":"byQueue","sourceQueueArns":["a<&>b"]}`}, get(url, "RedriveAllowPolicy"))

	// Which queues may make this one their dead-letter queue.
	s.create("friend")
	redrive := map[string]string{"RedrivePolicy": `{"deadLetterTargetArn":"arn:aws:sqs:us-west-2:123456789012:q","maxReceiveCount":1}`}
	set(url, map[string]string{"RedriveAllowPolicy": `{"sourceQueueArns": ["arn:aws:sqs:us-west-2:123456789012:friend"], "redrivePermission": "byQueue"}`})
	set("friend", redrive)
	const refused = `Value {"deadLetterTargetArn":"arn:aws:sqs:us-west-2:123456789012:q","maxReceiveCount":1} for parameter RedrivePolicy is invalid. Reason: The dead-letter queue does not allow this queue as its source.`
	require.Equal(t, badPrefix+refused, s.fails("SetQueueAttributes", document{"QueueUrl": "dead", "Attributes": redrive}))
	set(url, map[string]string{"RedriveAllowPolicy": `{"redrivePermission": "denyAll"}`})
	require.Equal(t, badPrefix+refused, s.fails("SetQueueAttributes", document{"QueueUrl": "friend", "Attributes": redrive}))
	set(url, map[string]string{"RedriveAllowPolicy": `{"redrivePermission": "allowAll"}`})
	set("dead", redrive)

	fifo := s.create("f.fifo", "FifoQueue", "true", "ChasquiPartitions", "4")
	set(fifo, map[string]string{"FifoQueue": "true", "ContentBasedDeduplication": "TRUE", "DeduplicationScope": "messageGroup", "FifoThroughputLimit": "perMessageGroupId"})
	all := get(fifo, "All")
	for name, want := range map[string]string{"FifoQueue": "true", "ContentBasedDeduplication": "true",
		"DeduplicationScope": "messageGroup", "FifoThroughputLimit": "perMessageGroupId", "ChasquiPartitions": "4"} {
		require.Equal(t, want, all[name], name)
	}

	for name, test := range map[string]struct {
		url        string
		attributes map[string]string
		want       string
	}{
		"nothing":    {url, nil, "Bad Request MissingRequiredParameterException: The request must contain the parameter Attribute.Name."},
		"unknown":    {url, map[string]string{"Color": "red"}, "Bad Request InvalidAttributeName: Unknown Attribute Color."},
		"type":       {fifo, map[string]string{"FifoQueue": "false"}, "Bad Request InvalidAttributeValue: Invalid value for the parameter FifoQueue. Reason: Modifying queue type is not supported."},
		"partitions": {fifo, map[string]string{"ChasquiPartitions": "2"}, "Bad Request InvalidAttributeValue: Invalid value for the parameter ChasquiPartitions. Reason: The number of partitions is fixed at creation."},
		"no queue":   {url + "x", map[string]string{"DelaySeconds": "1"}, "Bad Request QueueDoesNotExist: The specified queue does not exist."},
		"itself":     {url, map[string]string{"RedrivePolicy": `{"deadLetterTargetArn":"arn:aws:sqs:us-west-2:123456789012:q","maxReceiveCount":1}`}, `Bad Request InvalidParameterValueException: Value {"deadLetterTargetArn":"arn:aws:sqs:us-west-2:123456789012:q","maxReceiveCount":1} for parameter RedrivePolicy is invalid. Reason: Dead letter target cannot be the queue itself.`},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, test.want, s.fails("SetQueueAttributes", document{"QueueUrl": test.url, "Attributes": test.attributes}))
		})
	}
}

func TestGetQueueURL(t *testing.T) {
	s := newWorld(t).frontend(t)
	url := s.create("q")
	require.Equal(t, url, s.ok("GetQueueUrl", document{"QueueName": "q"})["QueueUrl"])
	require.Equal(t, url, s.ok("GetQueueUrl", document{"QueueName": "q", "QueueOwnerAWSAccountId": testAccount})["QueueUrl"])
	for name, request := range map[string]document{
		"name": {"QueueName": "r"}, "form": {"QueueName": "a/b"}, "account": {"QueueName": "q", "QueueOwnerAWSAccountId": "000000000001"},
	} {
		require.Equal(t, "Bad Request QueueDoesNotExist: The specified queue does not exist.", s.fails("GetQueueUrl", request), name)
	}
	require.Equal(t, "Bad Request MissingRequiredParameterException: The request must contain the parameter QueueName.", s.fails("GetQueueUrl", document{}))

	public := newWorld(t).frontend(t, func(c *Config) { c.PublicURL = "https://sqs.example.org:444/" })
	require.Equal(t, "https://sqs.example.org:444/"+testAccount+"/q", public.create("q"))
}

func TestListQueues(t *testing.T) {
	s := newWorld(t).frontend(t)
	require.Equal(t, document{}, s.ok("ListQueues", document{}))
	for _, name := range []string{"b1", "a1", "a3", "a2"} {
		s.create(name)
	}
	list := func(request document) (names []string, token any) {
		t.Helper()
		answer := s.ok("ListQueues", request)
		for _, url := range answer["QueueUrls"].([]any) {
			names = append(names, strings.TrimPrefix(url.(string), "http://sqs.test/"+testAccount+"/"))
		}
		return names, answer["NextToken"]
	}
	names, token := list(document{})
	require.Equal(t, []string{"a1", "a2", "a3", "b1"}, names)
	require.Nil(t, token)
	names, token = list(document{"QueueNamePrefix": "a", "MaxResults": 2})
	require.Equal(t, []string{"a1", "a2"}, names)
	require.NotNil(t, token)
	names, token = list(document{"QueueNamePrefix": "a", "MaxResults": 2, "NextToken": token})
	require.Equal(t, []string{"a3"}, names)
	require.Nil(t, token)
	require.Equal(t, "Bad Request InvalidParameterValueException: Value 1001 for parameter MaxResults is invalid. Reason: MaxResults must be between 1 and 1000.",
		s.fails("ListQueues", document{"MaxResults": 1001}))
	require.Equal(t, "Bad Request InvalidParameterValueException: Invalid or expired next token.", s.fails("ListQueues", document{"NextToken": "*"}))
}

func TestDeleteQueue(t *testing.T) {
	w := newWorld(t)
	s, other := w.frontend(t), w.frontend(t)
	url := s.create("q", "ChasquiPartitions", "3")
	other.ok("SendMessage", document{"QueueUrl": url, "MessageBody": "a"})
	require.Nil(t, s.ok("DeleteQueue", document{"QueueUrl": url}))
	for range 3 {
		// The other frontend has the queue in its cache.
		require.Equal(t, gone, other.fails("SendMessage", document{"QueueUrl": url, "MessageBody": "a"}))
	}
	require.Equal(t, gone, other.fails("ReceiveMessage", document{"QueueUrl": url}))
	require.Equal(t, gone, s.fails("DeleteQueue", document{"QueueUrl": url}))
	require.Equal(t, gone, s.fails("GetQueueAttributes", document{"QueueUrl": url}))
	require.Equal(t, "Bad Request QueueDeletedRecently: You must wait 60 seconds after deleting a queue before you can create another with the same name.",
		s.fails("CreateQueue", document{"QueueName": "q"}))
}

func TestPurgeQueue(t *testing.T) {
	w := newWorld(t)
	s, other := w.frontend(t), w.frontend(t)
	url := s.create("q", "ChasquiPartitions", "2")
	for range 4 {
		other.ok("SendMessage", document{"QueueUrl": url, "MessageBody": "a"})
	}
	require.NotEmpty(t, other.receive(url))
	require.Nil(t, s.ok("PurgeQueue", document{"QueueUrl": url}))
	counts := s.ok("GetQueueAttributes", document{"QueueUrl": url, "AttributeNames": []string{"ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"}})
	require.Equal(t, document{"ApproximateNumberOfMessages": "0", "ApproximateNumberOfMessagesNotVisible": "0"}, counts["Attributes"])
	require.Equal(t, "Forbidden PurgeQueueInProgress: Only one PurgeQueue operation on q is allowed every 60 seconds.", s.fails("PurgeQueue", document{"QueueUrl": url}))
	other.ok("SendMessage", document{"QueueUrl": url, "MessageBody": "b"})
	require.Equal(t, []string{"b"}, bodies(s.receive(url)))
}

func TestTags(t *testing.T) {
	s := newWorld(t).frontend(t)
	url := s.ok("CreateQueue", document{"QueueName": "q", "tags": document{"a": "1", "b": ""}})["QueueUrl"]
	require.Nil(t, s.ok("TagQueue", document{"QueueUrl": url, "Tags": document{"a": "2", "A": "3"}}))
	require.Nil(t, s.ok("UntagQueue", document{"QueueUrl": url, "TagKeys": []string{"b", "none"}}))
	require.Equal(t, document{"Tags": document{"a": "2", "A": "3"}}, s.ok("ListQueueTags", document{"QueueUrl": url}))
	require.Nil(t, s.ok("UntagQueue", document{"QueueUrl": url, "TagKeys": []string{"a", "A"}}))
	require.Equal(t, document{}, s.ok("ListQueueTags", document{"QueueUrl": url}))
	many := document{}
	for i := range 51 {
		many[strings.Repeat("k", i+1)] = "v"
	}
	require.Equal(t, "Bad Request InvalidParameterValueException: Too many tags added for queue q.", s.fails("TagQueue", document{"QueueUrl": url, "Tags": many}))
	require.Equal(t, "Bad Request MissingRequiredParameterException: The request must contain the parameter Tags.", s.fails("TagQueue", document{"QueueUrl": url}))
	require.Equal(t, "Bad Request MissingRequiredParameterException: The request must contain the parameter TagKeys.", s.fails("UntagQueue", document{"QueueUrl": url}))
}

// Of several things that are wrong, what the request lacks is said first, then that there is no such queue, then the rest.
func TestWhatIsSaidFirst(t *testing.T) {
	s := newWorld(t).frontend(t)
	const (
		noQueue  = "Bad Request QueueDoesNotExist: The specified queue does not exist."
		noSource = "Not Found ResourceNotFoundException: The resource that you specified for the SourceArn parameter doesn't exist."
	)
	one := []string{"111111111111"}
	for name, test := range map[string]struct {
		action  string
		request document
		want    string
	}{
		"attribute":         {"SetQueueAttributes", document{"Attributes": document{"Color": "red"}}, noQueue},
		"no attribute":      {"SetQueueAttributes", document{}, "Bad Request MissingRequiredParameterException: The request must contain the parameter Attribute.Name."},
		"shown attribute":   {"GetQueueAttributes", document{"AttributeNames": []string{"Color"}}, noQueue},
		"tag":               {"TagQueue", document{"Tags": document{"aws:x": "y"}}, noQueue},
		"no tag":            {"TagQueue", document{}, "Bad Request MissingRequiredParameterException: The request must contain the parameter Tags."},
		"tag key":           {"UntagQueue", document{"TagKeys": []string{strings.Repeat("k", 129)}}, noQueue},
		"label":             {"AddPermission", document{"Label": "a b", "AWSAccountIds": one, "Actions": []string{"*"}}, noQueue},
		"no label":          {"AddPermission", document{"AWSAccountIds": one, "Actions": []string{"*"}}, "Bad Request MissingRequiredParameterException: The request must contain the parameter Label."},
		"label to remove":   {"RemovePermission", document{"Label": "a b"}, noQueue},
		"sources":           {"ListDeadLetterSourceQueues", document{"MaxResults": 0}, noQueue},
		"timeout":           {"ChangeMessageVisibility", document{"ReceiptHandle": "h", "VisibilityTimeout": -1}, noQueue},
		"no timeout":        {"ChangeMessageVisibility", document{"ReceiptHandle": "h"}, "Bad Request MissingRequiredParameterException: The request must contain the parameter VisibilityTimeout."},
		"timeout in batch":  {"ChangeMessageVisibilityBatch", document{"Entries": entries(document{"VisibilityTimeout": -1})}, noQueue},
		"handle":            {"DeleteMessage", document{"ReceiptHandle": "h"}, noQueue},
		"no entry":          {"DeleteMessageBatch", document{}, noQueue},
		"receive":           {"ReceiveMessage", document{"MaxNumberOfMessages": 11}, noQueue},
		"delay":             {"SendMessage", document{"MessageBody": "a", "DelaySeconds": 901}, noQueue},
		"no body":           {"SendMessage", document{}, "Bad Request MissingRequiredParameterException: The request must contain the parameter MessageBody."},
		"batch":             {"SendMessageBatch", document{"Entries": []document{}}, noQueue},
		"rate of a task":    {"StartMessageMoveTask", document{"SourceArn": "arn:aws:sqs:us-west-2:123456789012:none", "MaxNumberOfMessagesPerSecond": 501}, noSource},
		"number of tasks":   {"ListMessageMoveTasks", document{"SourceArn": "arn:aws:sqs:us-west-2:123456789012:none", "MaxResults": 11}, noSource},
		"no source of task": {"StartMessageMoveTask", document{}, "Bad Request MissingRequiredParameterException: The request must contain the parameter SourceArn."},
	} {
		t.Run(name, func(t *testing.T) {
			if test.request["SourceArn"] == nil {
				test.request["QueueUrl"] = "none"
			}
			require.Equal(t, test.want, s.fails(test.action, test.request))
		})
	}
}
