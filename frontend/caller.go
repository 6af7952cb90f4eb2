package frontend

import (
	"net/http"
	"strings"

	"chasqui/frontend/protocol"
)

// caller is who sends a request and how it reached us. It does not authenticate: the access key is taken at its word.
type caller struct {
	// account is the caller's account number.
	account string
	// region is the one that the request is signed for.
	region string
	// base is the scheme and host that queue URLs begin with.
	base string
	// trace is the X-Amzn-Trace-Id header, which travels with a sent message.
	trace string
}

// callerOf reads a request's header.
func (s *Server) callerOf(r *http.Request) caller {
	key, region := credentialScope(r.Header.Get("Authorization"))
	c := caller{account: s.config.DefaultAccount, region: s.config.DefaultRegion, base: s.config.PublicURL,
		trace: r.Header.Get("X-Amzn-Trace-Id")}
	if isAccount(key) {
		c.account = key
	}
	if region != "" {
		c.region = region
	}
	if c.base == "" {
		scheme := "http"
		if r.TLS != nil {
			scheme = "https"
		}
		c.base = scheme + "://" + r.Host
	}
	return c
}

// signedBy takes over what the parameters of a request say of its signer: those of a presigned URL, or the access key
// of the signatures before version 4, which name no region. The header counts for more.
func (c *caller) signedBy(s *Server, form *protocol.Form) {
	key, region := splitCredential(form.Text("X-Amz-Credential"))
	if key == "" {
		key = form.Text("AWSAccessKeyId")
	}
	if c.account == s.config.DefaultAccount && isAccount(key) {
		c.account = key
	}
	if c.region == s.config.DefaultRegion && region != "" {
		c.region = region
	}
}

// credentialScope returns the access key and region of a SigV4 Authorization header, empty if there are none:
//
//	AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20250610/us-west-2/sqs/aws4_request, SignedHeaders=..., Signature=...
func credentialScope(header string) (key, region string) {
	_, credential, found := strings.Cut(header, "Credential=")
	if !found {
		return "", ""
	}
	credential, _, _ = strings.Cut(credential, ",")
	return splitCredential(credential)
}

// splitCredential returns the access key and region of a credential: key/date/region/service/aws4_request.
func splitCredential(credential string) (key, region string) {
	key, rest, _ := strings.Cut(credential, "/")
	_, rest, _ = strings.Cut(rest, "/")
	region, _, _ = strings.Cut(rest, "/")
	return key, region
}

// queueURL returns the URL of a queue as this caller can reach it.
func (c *caller) queueURL(account, name string) string {
	return strings.TrimSuffix(c.base, "/") + "/" + account + "/" + name
}

// queueURLs returns the URLs of several queues of an account.
func (c *caller) queueURLs(account string, names []string) []string {
	var urls []string
	for _, name := range names {
		urls = append(urls, c.queueURL(account, name))
	}
	return urls
}

// queueARN returns a queue's Amazon resource name.
func (c *caller) queueARN(account, name string) string {
	return "arn:aws:sqs:" + c.region + ":" + account + ":" + name
}

// resolve returns the account and name that a QueueUrl stands for. Only the last two segments of its path count, so
// it does not matter by which host and port a queue is addressed; a bare name is one of the caller's queues.
func (c *caller) resolve(queueURL string) (account, name string, err error) {
	if queueURL == "" {
		return "", "", missingParameter("QueueUrl")
	}
	path := queueURL
	if _, rest, found := strings.Cut(path, "://"); found {
		_, path, _ = strings.Cut(rest, "/")
	}
	path, _, _ = strings.Cut(path, "?")
	path = strings.Trim(path, "/")
	account = c.account
	name = path
	if before, last, found := cutLast(path, "/"); found {
		name = last
		_, account, found = cutLast(before, "/")
		if !found {
			account = before
		}
	}
	if !validQueueName(name) || !isAccount(account) {
		return "", "", errQueueDoesNotExist
	}
	return account, name, nil
}

// cutLast slices text around the last separator.
func cutLast(text, separator string) (before, after string, found bool) {
	if i := strings.LastIndex(text, separator); i >= 0 {
		return text[:i], text[i+len(separator):], true
	}
	return text, "", false
}

// maxQueueNameBytes is SQS's limit for a queue's name, suffix included.
const maxQueueNameBytes = 80

// fifoSuffix ends the name of every FIFO queue.
const fifoSuffix = ".fifo"

// validQueueName reports whether a name has the form of a queue's: letters, digits, hyphens and underscores, perhaps
// the suffix of a FIFO queue.
func validQueueName(name string) bool {
	stem := strings.TrimSuffix(name, fifoSuffix)
	if stem == "" || len(name) > maxQueueNameBytes {
		return false
	}
	return onlyBytes(stem, isWordByte)
}

// isWordByte reports whether c may stand in queue names and batch entry ids.
func isWordByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_'
}

func onlyBytes(text string, allowed func(byte) bool) bool {
	for i := range len(text) {
		if !allowed(text[i]) {
			return false
		}
	}
	return true
}
