//go:build !wasip1

package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"
)

// service says where the SQS API is and who asks: flags of every command that speaks it.
type service struct {
	Endpoint     string        `help:"URL of the SQS service, of any kind." default:"http://127.0.0.1:9324" env:"CHASQUI_ENDPOINT,AWS_ENDPOINT_URL_SQS,AWS_ENDPOINT_URL" placeholder:"URL"`
	Region       string        `help:"Region to sign for." default:"us-east-1" env:"CHASQUI_REGION,AWS_REGION,AWS_DEFAULT_REGION"`
	AccessKey    string        `help:"Access key id." default:"chasqui" env:"CHASQUI_ACCESS_KEY,AWS_ACCESS_KEY_ID"`
	SecretKey    string        `help:"Secret access key; better given by the variable, which no process list shows." default:"chasqui" env:"CHASQUI_SECRET_KEY,AWS_SECRET_ACCESS_KEY"`
	SessionToken string        `help:"Session token, of temporary credentials." env:"CHASQUI_SESSION_TOKEN,AWS_SESSION_TOKEN"`
	Timeout      time.Duration `help:"Time that the service has to answer a request." default:"10s"`
	Output       string        `help:"Form of the output: table or json." short:"o" enum:"table,json" default:"table"`
}

// Validate refuses an endpoint that is no URL.
func (s *service) Validate() error {
	if !strings.HasPrefix(s.Endpoint, "http://") && !strings.HasPrefix(s.Endpoint, "https://") {
		return fmt.Errorf("--endpoint %q: give a URL, such as http://127.0.0.1:9324", s.Endpoint)
	}
	return nil
}

// sqsAttempts is how often a request is tried in all; the SDK knows which errors are worth it.
const sqsAttempts = 3

// connection is a client of the service. Its methods return errors that say what to do.
type connection struct {
	*sqs.Client
	endpoint string
}

// connect returns a client for requests that may wait for messages.
func (s *service) connect(wait time.Duration) *connection {
	credentials := aws.Credentials{AccessKeyID: s.AccessKey, SecretAccessKey: s.SecretKey, SessionToken: s.SessionToken}
	return &connection{endpoint: s.Endpoint, Client: sqs.New(sqs.Options{
		BaseEndpoint:     &s.Endpoint,
		Region:           s.Region,
		Credentials:      aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return credentials, nil }),
		HTTPClient:       &http.Client{Timeout: s.Timeout + wait},
		RetryMaxAttempts: sqsAttempts,
	})}
}

// queueURL returns the URL of a queue given by its name, or by its URL.
func (c *connection) queueURL(ctx context.Context, name string) (*string, error) {
	if strings.Contains(name, "://") {
		return &name, nil
	}
	found, err := c.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: &name})
	if err != nil {
		return nil, c.explain(name, err)
	}
	return found.QueueUrl, nil
}

// queueName returns the name in a queue's URL or ARN.
func queueName(urlOrARN string) string {
	return urlOrARN[strings.LastIndexAny(urlOrARN, "/:")+1:]
}

// attributes returns a queue's attributes, all of them if none are named.
func (c *connection) attributes(ctx context.Context, url *string, names ...types.QueueAttributeName) (map[string]string, error) {
	if len(names) == 0 {
		names = []types.QueueAttributeName{types.QueueAttributeNameAll}
	}
	got, err := c.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: url, AttributeNames: names})
	if err != nil {
		return nil, c.explain(queueName(*url), err)
	}
	return got.Attributes, nil
}

// advice is what to do about an error of the API, by its code.
var advice = map[string]string{
	"AWS.SimpleQueueService.NonExistentQueue":     "chasqui queue ls shows the queues there are, chasqui queue ls --deleted those that can be restored",
	"QueueDoesNotExist":                           "chasqui queue ls shows the queues there are, chasqui queue ls --deleted those that can be restored",
	"QueueAlreadyExists":                          "chasqui queue show shows it as it is, chasqui queue set changes it",
	"QueueNameExists":                             "chasqui queue show shows it as it is, chasqui queue set changes it",
	"AWS.SimpleQueueService.UnsupportedOperation": "this service does not have the action",
	"UnsupportedOperation":                        "this service does not have the action",
	"InvalidClientTokenId":                        "give an access key that the service knows: --access-key and --secret-key, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
	"SignatureDoesNotMatch":                       "give the secret key that belongs to the access key: --secret-key or AWS_SECRET_ACCESS_KEY",
}

// explain says in one line what went wrong with a request about something, and what can be done.
func (c *connection) explain(what string, err error) error {
	var api smithy.APIError
	switch {
	case errors.As(err, &api) && advice[api.ErrorCode()] != "":
		return fmt.Errorf("%s: %s (%s): %s", what, api.ErrorMessage(), api.ErrorCode(), advice[api.ErrorCode()])
	case errors.As(err, &api):
		return fmt.Errorf("%s: %s (%s)", what, api.ErrorMessage(), api.ErrorCode())
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("no service answers at %s: start one with \"chasqui dev\", or name another with --endpoint", c.endpoint)
	case errors.Is(err, context.Canceled):
		return fmt.Errorf("%s: interrupted: %w", what, context.Canceled)
	default:
		return fmt.Errorf("%s: ask %s: %w", what, c.endpoint, err)
	}
}
