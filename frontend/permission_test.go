package frontend

import (
	"encoding/json"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

func (s *testServer) attribute(url, name string) any {
	s.t.Helper()
	attributes, _ := s.ok("GetQueueAttributes", document{"QueueUrl": url, "AttributeNames": []string{name}})["Attributes"].(document)
	return attributes[name]
}

func TestPermissions(t *testing.T) {
	s := newWorld(t).frontend(t)
	url := s.create("q")
	add := func(label string, accounts, actions []string) document {
		return document{"QueueUrl": url, "Label": label, "AWSAccountIds": accounts, "Actions": actions}
	}
	one, two := []string{"111111111111"}, []string{"111111111111", "222222222222"}
	require.Nil(t, s.ok("AddPermission", add("one", one, []string{"SendMessage"})))
	const arn = "arn:aws:sqs:us-west-2:" + testAccount + ":q"
	const first = `{"Sid":"one","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111111111111:root"},"Action":"SQS:SendMessage","Resource":"` + arn + `"}`
	require.Equal(t, `{"Version":"2008-10-17","Id":"`+arn+`/SQSDefaultPolicy","Statement":[`+first+`]}`, s.attribute(url, "Policy"))
	require.Nil(t, s.ok("AddPermission", add("two", two, []string{"*", "ReceiveMessage"})))
	const second = `{"Sid":"two","Effect":"Allow","Principal":{"AWS":["arn:aws:iam::111111111111:root","arn:aws:iam::222222222222:root"]},"Action":["SQS:*","SQS:ReceiveMessage"],"Resource":"` + arn + `"}`
	require.Equal(t, `{"Version":"2008-10-17","Id":"`+arn+`/SQSDefaultPolicy","Statement":[`+first+`,`+second+`]}`, s.attribute(url, "Policy"))

	eight := []string{"*", "*", "*", "*", "*", "*", "*", "*"}
	for name, test := range map[string]struct {
		request document
		want    string
	}{
		"label again":   {add("one", one, []string{"*"}), badPrefix + "Value one for parameter Label is invalid. Reason: Already exists."},
		"no label":      {add("", one, []string{"*"}), "Bad Request MissingRequiredParameterException: The request must contain the parameter Label."},
		"bad label":     {add("a b", one, []string{"*"}), badPrefix + "Value a b for parameter Label is invalid. Reason: Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length."},
		"no account":    {add("x", nil, []string{"*"}), "Bad Request MissingRequiredParameterException: The request must contain the parameter AWSAccountIds."},
		"bad account":   {add("x", []string{"me"}, []string{"*"}), badPrefix + "Value me for parameter PrincipalId is invalid. Reason: Unable to verify."},
		"no action":     {add("x", one, nil), "Bad Request MissingRequiredParameterException: The request must contain the parameter Actions."},
		"eight actions": {add("x", one, eight), "Forbidden OverLimit: 8 Actions were found, maximum allowed is 7."},
		"owner's":       {add("x", one, []string{"RemovePermission"}), badPrefix + "Value SQS:RemovePermission for parameter ActionName is invalid. Reason: Only the queue owner is allowed to invoke this action."},
		"unknown":       {add("x", one, []string{"Boil"}), badPrefix + "Value SQS:Boil for parameter ActionName is invalid. Reason: Please refer to the appropriate WSDL for a list of valid actions."},
		"no queue":      {document{"QueueUrl": "none", "Label": "x", "AWSAccountIds": one, "Actions": []string{"*"}}, "Bad Request QueueDoesNotExist: The specified queue does not exist."},
	} {
		require.Equal(t, test.want, s.fails("AddPermission", test.request), name)
	}

	remove := func(label string) document { return document{"QueueUrl": url, "Label": label} }
	require.Equal(t, badPrefix+"Value x for parameter Label is invalid. Reason: can't find label.", s.fails("RemovePermission", remove("x")))
	require.Equal(t, "Bad Request MissingRequiredParameterException: The request must contain the parameter Label.", s.fails("RemovePermission", remove("")))
	require.Nil(t, s.ok("RemovePermission", remove("one")))
	require.Equal(t, `{"Version":"2008-10-17","Id":"`+arn+`/SQSDefaultPolicy","Statement":[`+second+`]}`, s.attribute(url, "Policy"))
	require.Nil(t, s.ok("RemovePermission", remove("two")))
	require.Nil(t, s.attribute(url, "Policy"), "without statements there is no policy")

	// A policy of the user's own is kept, also one with its statement outside a list.
	s.ok("SetQueueAttributes", document{"QueueUrl": url, "Attributes": document{"Policy": `{"Version":"2012-10-17","Statement":{"Sid":"mine","X":1}}`}})
	require.Nil(t, s.ok("AddPermission", add("one", one, []string{"SendMessage"})))
	require.Equal(t, `{"Version":"2012-10-17","Statement":[{"Sid":"mine","X":1},`+first+`]}`, s.attribute(url, "Policy"))
}

// Permissions that are added at the same time through different frontends are all there afterwards.
func TestPermissionsAtTheSameTime(t *testing.T) {
	w := newWorld(t)
	url := w.frontend(t).create("q")
	var all sync.WaitGroup
	for i := range 4 {
		s := w.frontend(t)
		all.Go(func() {
			s.ok("AddPermission", document{"QueueUrl": url, "Label": fmt.Sprint("l", i), "AWSAccountIds": []string{"111111111111"}, "Actions": []string{"*"}})
		})
	}
	all.Wait()
	var policy policyDocument
	require.NoError(t, json.Unmarshal([]byte(w.frontend(t).attribute(url, "Policy").(string)), &policy))
	require.Len(t, policy.Statement, 4)
}

func TestListDeadLetterSourceQueues(t *testing.T) {
	s := newWorld(t).frontend(t)
	dead, other := s.create("dead"), s.create("other")
	var sources []any
	for _, name := range []string{"a", "b", "c"} {
		sources = append(sources, s.create(name, "RedrivePolicy", `{"deadLetterTargetArn":"arn:aws:sqs:us-west-2:`+testAccount+`:dead","maxReceiveCount":"3"}`))
	}
	list := func(url string, more ...any) document {
		request := document{"QueueUrl": url}
		for i := 0; i < len(more); i += 2 {
			request[more[i].(string)] = more[i+1]
		}
		return s.ok("ListDeadLetterSourceQueues", request)
	}
	require.Equal(t, document{"queueUrls": sources}, list(dead))
	require.Equal(t, document{"queueUrls": []any{}}, list(other), "a list that the model requires")
	first := list(dead, "MaxResults", 2)
	require.Equal(t, sources[:2], first["queueUrls"])
	require.Equal(t, document{"queueUrls": sources[2:]}, list(dead, "MaxResults", 2, "NextToken", first["NextToken"]))
	require.Equal(t, "Bad Request QueueDoesNotExist: The specified queue does not exist.", s.fails("ListDeadLetterSourceQueues", document{"QueueUrl": "none"}))
	require.Equal(t, badPrefix+"Value 0 for parameter MaxResults is invalid. Reason: MaxResults must be between 1 and 1000.",
		s.fails("ListDeadLetterSourceQueues", document{"QueueUrl": dead, "MaxResults": 0}))
	s.ok("SetQueueAttributes", document{"QueueUrl": "b", "Attributes": document{"RedrivePolicy": ""}})
	require.Equal(t, document{"queueUrls": []any{sources[0], sources[2]}}, list(dead))
}
