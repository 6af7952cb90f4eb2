package frontend

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"

	"chasqui/frontend/protocol"
	"chasqui/metadata"
	"chasqui/metadata/catalog"
)

// AddPermission and RemovePermission are shorthands for changes of the queue's attribute Policy: a permission is a
// statement with the label as its Sid. What a policy says is kept; requests are not authorized by it yet.

// Limits of permissions, SQS's.
const (
	maxLabelBytes        = 80
	maxPermissionActions = 7
)

// policyVersion is that of the policies that AddPermission begins.
const policyVersion = "2008-10-17"

// grantable are the actions that a permission may name; those on single messages cover their batches.
var grantable = []string{"*", "ChangeMessageVisibility", "DeleteMessage", "GetQueueAttributes", "GetQueueUrl",
	"ListDeadLetterSourceQueues", "PurgeQueue", "ReceiveMessage", "SendMessage"}

// ownerOnly are the actions that no permission can give to another account.
var ownerOnly = []string{"AddPermission", "CancelMessageMoveTask", "CreateQueue", "DeleteQueue", "ListMessageMoveTasks",
	"ListQueues", "ListQueueTags", "RemovePermission", "SetQueueAttributes", "StartMessageMoveTask", "TagQueue", "UntagQueue"}

// policyDocument is the attribute Policy. Statements are kept as they are.
type policyDocument struct {
	Version   string            `json:",omitempty"`
	ID        string            `json:"Id,omitempty"`
	Statement []json.RawMessage `json:",omitempty"`
}

// permissionStatement is the statement that AddPermission writes. Several values are a list, one is a text.
type permissionStatement struct {
	Sid       string
	Effect    string
	Principal struct{ AWS any }
	Action    any
	Resource  string
}

// addPermission answers AddPermission.
func (s *Server) addPermission(ctx context.Context, c *caller, q *protocol.AddPermissionRequest) (protocol.Response, error) {
	switch {
	case q.Label == "":
		return nil, missingParameter("Label")
	case len(q.Accounts) == 0:
		return nil, missingParameter("AWSAccountIds")
	case len(q.Actions) == 0:
		return nil, missingParameter("Actions")
	}
	return s.changePolicy(ctx, c, q.QueueURL, func(arn string, policy *policyDocument) error {
		if err := checkPermission(q); err != nil {
			return err
		}
		if policy.labelled(q.Label) >= 0 {
			return invalidParameter(q.Label, "Label", "Already exists.")
		}
		if policy.Version == "" {
			policy.Version, policy.ID = policyVersion, arn+"/SQSDefaultPolicy"
		}
		var principals, actions []string
		for _, account := range q.Accounts {
			principals = append(principals, "arn:aws:iam::"+account+":root")
		}
		for _, action := range q.Actions {
			actions = append(actions, "SQS:"+action)
		}
		statement := permissionStatement{Sid: q.Label, Effect: "Allow", Action: oneOrMany(actions), Resource: arn}
		statement.Principal.AWS = oneOrMany(principals)
		text, err := canonicalJSON(statement)
		if err != nil {
			return err
		}
		policy.Statement = append(policy.Statement, json.RawMessage(text))
		return nil
	})
}

// removePermission answers RemovePermission. A policy that has lost its last statement is removed.
func (s *Server) removePermission(ctx context.Context, c *caller, q *protocol.RemovePermissionRequest) (protocol.Response, error) {
	if q.Label == "" {
		return nil, missingParameter("Label")
	}
	return s.changePolicy(ctx, c, q.QueueURL, func(_ string, policy *policyDocument) error {
		at := policy.labelled(q.Label)
		if at < 0 {
			return invalidParameter(q.Label, "Label", "can't find label.")
		}
		policy.Statement = slices.Delete(policy.Statement, at, at+1)
		return nil
	})
}

// checkPermission checks what a permission says.
func checkPermission(q *protocol.AddPermissionRequest) error {
	switch {
	case len(q.Label) > maxLabelBytes || !onlyBytes(q.Label, isWordByte):
		return invalidParameter(q.Label, "Label", "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length.")
	case len(q.Actions) > maxPermissionActions:
		return tooManyActions(len(q.Actions))
	}
	for _, account := range q.Accounts {
		if !isAccount(account) {
			return invalidParameter(account, "PrincipalId", "Unable to verify.")
		}
	}
	for _, action := range q.Actions {
		if slices.Contains(ownerOnly, action) {
			return invalidParameter("SQS:"+action, "ActionName", "Only the queue owner is allowed to invoke this action.")
		}
		if !slices.Contains(grantable, action) {
			return invalidParameter("SQS:"+action, "ActionName", "Please refer to the appropriate WSDL for a list of valid actions.")
		}
	}
	return nil
}

// changePolicy reads a queue's policy, lets change change it, and writes it back unless somebody else has changed the
// queue in between; then it begins again.
func (s *Server) changePolicy(ctx context.Context, c *caller, queueURL string, change func(arn string, policy *policyDocument) error) (protocol.Response, error) {
	account, name, err := c.resolve(queueURL)
	if err != nil {
		return nil, err
	}
	for range maxRepeats {
		record, err := s.catalog.GetQueue(ctx, account, name)
		if err != nil {
			return nil, err
		}
		policy, err := readPolicy(record.Attributes.Policy)
		if err != nil {
			return nil, err
		}
		if err := change(c.queueARN(account, name), policy); err != nil {
			return nil, err
		}
		text := ""
		if len(policy.Statement) > 0 {
			if text, err = canonicalJSON(policy); err != nil {
				return nil, err
			}
		}
		if err := parsePolicy(new(catalog.Attributes), text); err != nil {
			return nil, err // it has grown too long
		}
		response, err := s.change(ctx, metadata.SetRequest{Account: account, Name: name, IfVersion: record.Version,
			Given: []string{"Policy"}, Attributes: catalog.Attributes{Policy: text}})
		if !errors.Is(err, metadata.ErrConflict) {
			return response, err
		}
	}
	return nil, errUnavailable
}

// readPolicy reads a stored policy. A single statement may stand there without a list.
func readPolicy(text string) (*policyDocument, error) {
	policy := new(policyDocument)
	if text == "" {
		return policy, nil
	}
	var raw struct {
		Version   string
		ID        string `json:"Id"`
		Statement json.RawMessage
	}
	if err := json.Unmarshal([]byte(text), &raw); err != nil {
		return nil, invalidAttributeValue("Policy", "")
	}
	policy.Version, policy.ID = raw.Version, raw.ID
	if strings.HasPrefix(string(raw.Statement), "[") {
		if err := json.Unmarshal(raw.Statement, &policy.Statement); err != nil {
			return nil, invalidAttributeValue("Policy", "")
		}
	} else if len(raw.Statement) > 0 {
		policy.Statement = []json.RawMessage{raw.Statement}
	}
	return policy, nil
}

// labelled returns the position of the statement with a label, -1 if there is none.
func (p *policyDocument) labelled(label string) int {
	return slices.IndexFunc(p.Statement, func(statement json.RawMessage) bool {
		var one struct{ Sid string }
		return json.Unmarshal(statement, &one) == nil && one.Sid == label
	})
}

// oneOrMany returns a list of one text as that text, as AWS writes it.
func oneOrMany(texts []string) any {
	if len(texts) == 1 {
		return texts[0]
	}
	return texts
}

func tooManyActions(count int) error {
	return &apiError{kindOverLimit, strconv.Itoa(count) + " Actions were found, maximum allowed is " + strconv.Itoa(maxPermissionActions) + "."}
}
