//go:build !wasip1

package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// withZeros makes a request give parameters the value 0. The SDK leaves parameters that are 0 out, and then the queue's own
// value counts: a receive could not be told to hide nothing, or not to wait. The members are added to the JSON object
// that is the request's body, before its length is taken and it is signed.
func withZeros(names ...string) func(*sqs.Options) {
	return func(o *sqs.Options) {
		if len(names) == 0 {
			return
		}
		o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error {
			return stack.Build.Add(middleware.BuildMiddlewareFunc("ExplicitZeros", func(
				ctx context.Context, in middleware.BuildInput, next middleware.BuildHandler,
			) (middleware.BuildOutput, middleware.Metadata, error) {
				request, ok := in.Request.(*smithyhttp.Request)
				if !ok {
					return middleware.BuildOutput{}, middleware.Metadata{}, fmt.Errorf("request is a %T", in.Request)
				}
				body, err := io.ReadAll(request.GetStream())
				if err != nil {
					return middleware.BuildOutput{}, middleware.Metadata{}, err
				}
				members, ok := strings.CutPrefix(string(body), "{")
				if !ok {
					return middleware.BuildOutput{}, middleware.Metadata{}, fmt.Errorf("request body is no JSON object")
				}
				added := "{"
				for _, name := range names {
					added += `"` + name + `":0,`
				}
				if members == "}" {
					added = strings.TrimSuffix(added, ",")
				}
				if in.Request, err = request.SetStream(strings.NewReader(added + members)); err != nil {
					return middleware.BuildOutput{}, middleware.Metadata{}, err
				}
				return next.HandleBuild(ctx, in)
			}), middleware.Before)
		})
	}
}
