package frontend

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"chasqui/metadata/catalog"
)

// Limits of the attributes that are JSON documents.
const (
	maxPolicyBytes         = 8192
	maxPolicyStatements    = 20
	maxPolicyPrincipals    = 50
	maxPolicyConditions    = 10
	maxReceiveCountLargest = 1000
	maxSourceQueues        = 10
)

// parsePolicy checks that a policy is a JSON object and makes it compact, so that equal policies are mostly equal
// texts. What it says is not looked at: requests are not authorized yet.
func parsePolicy(a *catalog.Attributes, text string) error {
	if text == "" {
		a.Policy = ""
		return nil
	}
	var compact bytes.Buffer
	if len(text) > maxPolicyBytes || !strings.HasPrefix(strings.TrimSpace(text), "{") || json.Compact(&compact, []byte(text)) != nil {
		return invalidAttributeValue("Policy", "")
	}
	policy, err := readPolicy(text)
	if err != nil {
		return err
	}
	principals, conditions := policy.count()
	for _, limited := range []struct {
		count, most int
		what        string
	}{
		{len(policy.Statement), maxPolicyStatements, "statements"}, {principals, maxPolicyPrincipals, "principals"},
		{conditions, maxPolicyConditions, "conditions"},
	} {
		if limited.count > limited.most {
			return invalidAttributeValue("Policy", "It has more than "+strconv.Itoa(limited.most)+" "+limited.what+".")
		}
	}
	a.Policy = compact.String()
	return nil
}

// count returns how many principals and conditions the statements have. A principal is a text, or one of those that a map
// lists by kind; a condition is a key below an operator. Statements of another form have none.
func (p *policyDocument) count() (principals, conditions int) {
	for _, text := range p.Statement {
		var statement struct {
			Principal    any
			NotPrincipal any
			Condition    map[string]map[string]any
		}
		if json.Unmarshal(text, &statement) != nil {
			continue
		}
		principals += countTexts(statement.Principal) + countTexts(statement.NotPrincipal)
		for _, keys := range statement.Condition {
			conditions += len(keys)
		}
	}
	return principals, conditions
}

// countTexts returns how many texts there are in a JSON value.
func countTexts(value any) int {
	count := 0
	switch v := value.(type) {
	case string:
		count = 1
	case []any:
		for _, element := range v {
			count += countTexts(element)
		}
	case map[string]any:
		for _, element := range v {
			count += countTexts(element)
		}
	}
	return count
}

// redrivePolicy is the JSON document of the attribute RedrivePolicy.
type redrivePolicy struct {
	Target string          `json:"deadLetterTargetArn"`
	Count  json.RawMessage `json:"maxReceiveCount"`
}

// parseRedrivePolicy checks a redrive policy and writes it in one form: AWS takes the count as text or number and
// returns it as a number.
func parseRedrivePolicy(a *catalog.Attributes, text string) error {
	if text == "" {
		a.RedrivePolicy = ""
		return nil
	}
	refuse := func(reason string) error { return invalidParameter(text, "RedrivePolicy", reason) }
	var policy redrivePolicy
	if len(text) > maxPolicyBytes || json.Unmarshal([]byte(text), &policy) != nil {
		return refuse("Redrive policy is not a valid JSON map.")
	}
	if policy.Count == nil {
		return refuse("Redrive policy does not contain mandatory attribute: maxReceiveCount.")
	}
	if policy.Target == "" {
		return refuse("Redrive policy does not contain mandatory attribute: deadLetterTargetArn.")
	}
	count, err := strconv.Atoi(strings.Trim(string(policy.Count), `"`))
	if err != nil || count < 1 || count > maxReceiveCountLargest {
		return refuse("Invalid value for maxReceiveCount: " + strings.Trim(string(policy.Count), `"`) + ", valid values are from 1 to 1000 both inclusive.")
	}
	policy.Count = strconv.AppendInt(nil, int64(count), 10)
	if a.RedrivePolicy, err = canonicalJSON(policy); err != nil {
		return refuse("Redrive policy is not a valid JSON map.")
	}
	return nil
}

// canonicalJSON returns the one form in which a document is kept. It does not escape what only HTML needs escaped: the
// text would grow, and differ from what was sent.
func canonicalJSON(document any) (string, error) {
	var text strings.Builder
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(document); err != nil {
		return "", err
	}
	return strings.TrimSuffix(text.String(), "\n"), nil
}

// redriveTarget returns the ARN of the dead-letter queue in a policy that parseRedrivePolicy has checked.
func redriveTarget(policy string) (string, error) {
	var parsed redrivePolicy
	if err := json.Unmarshal([]byte(policy), &parsed); err != nil {
		return "", invalidParameter(policy, "RedrivePolicy", "Redrive policy is not a valid JSON map.")
	}
	return parsed.Target, nil
}

// redriveAllowPolicy is the JSON document of the attribute RedriveAllowPolicy.
type redriveAllowPolicy struct {
	Permission string   `json:"redrivePermission"`
	Sources    []string `json:"sourceQueueArns,omitempty"`
}

// allowsRedrive reports whether a queue's RedriveAllowPolicy lets it be the dead-letter queue of another, named by its ARN.
// Without a policy it may be anybody's.
func allowsRedrive(allowPolicy, sourceARN string) bool {
	var policy redriveAllowPolicy
	if allowPolicy == "" || json.Unmarshal([]byte(allowPolicy), &policy) != nil {
		return allowPolicy == ""
	}
	return policy.Permission == "allowAll" || policy.Permission == "byQueue" && slices.Contains(policy.Sources, sourceARN)
}

func parseRedriveAllowPolicy(a *catalog.Attributes, text string) error {
	if text == "" {
		a.RedriveAllowPolicy = ""
		return nil
	}
	refuse := func(reason string) error { return invalidParameter(text, "RedriveAllowPolicy", reason) }
	var policy redriveAllowPolicy
	if len(text) > maxPolicyBytes || json.Unmarshal([]byte(text), &policy) != nil {
		return refuse("Redrive allow policy is not a valid JSON map.")
	}
	switch {
	case policy.Permission != "allowAll" && policy.Permission != "denyAll" && policy.Permission != "byQueue":
		return refuse("Invalid value for redrivePermission, valid values are allowAll, denyAll and byQueue.")
	case policy.Permission == "byQueue" && (len(policy.Sources) < 1 || len(policy.Sources) > maxSourceQueues):
		return refuse("sourceQueueArns must have 1 to 10 entries when redrivePermission is byQueue.")
	case policy.Permission != "byQueue" && len(policy.Sources) > 0:
		return refuse("sourceQueueArns can be given only when redrivePermission is byQueue.")
	}
	var err error
	if a.RedriveAllowPolicy, err = canonicalJSON(policy); err != nil {
		return refuse("Redrive allow policy is not a valid JSON map.")
	}
	return nil
}
