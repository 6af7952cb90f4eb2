package chasqui_test
import (
_ "github.com/hashicorp/raft"
_ "github.com/hashicorp/go-hclog"
_ "github.com/vmihailenco/msgpack/v5"
_ "github.com/google/btree"
_ "github.com/stretchr/testify/require"
_ "github.com/pingcap/failpoint"
_ "github.com/anishathalye/porcupine"
_ "github.com/alecthomas/kong"
_ "github.com/alecthomas/kong-yaml"
_ "github.com/go-json-experiment/json/jsontext"
_ "github.com/aws/aws-sdk-go-v2/service/sqs"
_ "github.com/aws/aws-sdk-go-v2/aws"
_ "pgregory.net/rapid"
_ "golang.org/x/sys/unix"
)
