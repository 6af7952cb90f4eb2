"""Walks through the actions of SQS with a botocore that still speaks the Query protocol (older than 1.31.81).

usage: query.py ENDPOINT. Ends with status 77 where botocore is missing or too new.
"""
import hashlib
import sys

try:
    import botocore
    import botocore.config
    import botocore.session
except ImportError:
    print("python3 has no botocore")
    sys.exit(77)

client = botocore.session.get_session().create_client(
    "sqs", region_name="eu-west-1", endpoint_url=sys.argv[1], aws_access_key_id="123456789012", aws_secret_access_key="x",
    config=botocore.config.Config(retries={"max_attempts": 0}))
if client.meta.service_model.metadata["protocol"] != "query":
    print("botocore", botocore.__version__, "does not speak the Query protocol")
    sys.exit(77)

used = set()


def do(action, **parameters):
    used.add(action)
    method = botocore.xform_name(action)
    answer = getattr(client, method)(**parameters)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert len(answer["ResponseMetadata"]["RequestId"]) == 36
    return answer


def fails(code, action, **parameters):
    try:
        do(action, **parameters)
    except client.exceptions.ClientError as error:
        assert error.response["Error"]["Code"] == code, error.response
        assert error.response["Error"]["Type"] == "Sender"
        return
    raise AssertionError(action + " did not fail with " + code)


def same(got, want):
    assert got == want, (got, want)


url = do("CreateQueue", QueueName="q", Attributes={"VisibilityTimeout": "60", "DelaySeconds": "0"}, tags={"team": "red"})["QueueUrl"]
same(do("GetQueueUrl", QueueName="q")["QueueUrl"], url)
same(do("ListQueues", QueueNamePrefix="q")["QueueUrls"], [url])
assert "QueueUrls" not in do("ListQueues", QueueNamePrefix="none")
do("SetQueueAttributes", QueueUrl=url, Attributes={"VisibilityTimeout": "45", "ReceiveMessageWaitTimeSeconds": "0"})
attributes = do("GetQueueAttributes", QueueUrl=url, AttributeNames=["All"])["Attributes"]
same(attributes["VisibilityTimeout"], "45")
arn = attributes["QueueArn"]
same(arn, "arn:aws:sqs:eu-west-1:123456789012:q")
do("TagQueue", QueueUrl=url, Tags={"a": "", "b": "<&>\""})
do("UntagQueue", QueueUrl=url, TagKeys=["a", "team"])
same(do("ListQueueTags", QueueUrl=url)["Tags"], {"b": "<&>\""})
do("AddPermission", QueueUrl=url, Label="l", AWSAccountIds=["111111111111", "222222222222"], Actions=["SendMessage"])
do("RemovePermission", QueueUrl=url, Label="l")

source = do("CreateQueue", QueueName="source", Attributes={
    "RedrivePolicy": '{"deadLetterTargetArn":"' + arn + '","maxReceiveCount":"3"}'})["QueueUrl"]
same(do("ListDeadLetterSourceQueues", QueueUrl=url)["queueUrls"], [source])

body = "a \"body\" with\r\n\ttabs & <tags>, \u00e9, \U0001F600, ]]>"
digest = hashlib.md5(body.encode()).hexdigest()
given = {
    "text": {"DataType": "String", "StringValue": "\u00e9 \"quoted\" \r"},
    "number": {"DataType": "Number", "StringValue": "1.5"},
    "binary": {"DataType": "Binary.raw", "BinaryValue": b"\x00\x01\xff"},
}
sent = do("SendMessage", QueueUrl=url, MessageBody=body, MessageAttributes=given, DelaySeconds=0)
same(sent["MD5OfMessageBody"], digest)
message, = do("ReceiveMessage", QueueUrl=url, MaxNumberOfMessages=10, AttributeNames=["All"], MessageAttributeNames=["All"])["Messages"]
same(message["Body"], body)
same(message["MD5OfBody"], digest)
same(message["MessageAttributes"], given)
same(message["MD5OfMessageAttributes"], sent["MD5OfMessageAttributes"])
same(message["Attributes"]["ApproximateReceiveCount"], "1")
assert "Messages" not in do("ReceiveMessage", QueueUrl=url)
do("ChangeMessageVisibility", QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0)
message, = do("ReceiveMessage", QueueUrl=url, WaitTimeSeconds=5)["Messages"]
do("DeleteMessage", QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])

batch = do("SendMessageBatch", QueueUrl=url, Entries=[
    {"Id": str(i), "MessageBody": "body " + str(i), "MessageAttributes": given} for i in range(9)] + [{"Id": "9", "MessageBody": "\x01"}])
same([entry["Id"] for entry in batch["Successful"]], [str(i) for i in range(9)])
same(batch["Failed"][0]["Code"], "InvalidMessageContents")
same(batch["Failed"][0]["SenderFault"], True)
messages = do("ReceiveMessage", QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
same([m["Body"] for m in messages], ["body " + str(i) for i in range(9)])
entries = [{"Id": "m" + str(i), "ReceiptHandle": m["ReceiptHandle"]} for i, m in enumerate(messages)]
changed = do("ChangeMessageVisibilityBatch", QueueUrl=url, Entries=[dict(entry, VisibilityTimeout=30) for entry in entries])
same(len(changed["Successful"]), 9)
deleted = do("DeleteMessageBatch", QueueUrl=url, Entries=entries + [{"Id": "bad", "ReceiptHandle": "forged"}])
same(len(deleted["Successful"]), 9)
same(deleted["Failed"][0]["Code"], "ReceiptHandleIsInvalid")

fifo = do("CreateQueue", QueueName="f.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
first = do("SendMessage", QueueUrl=fifo, MessageBody="a", MessageGroupId="g", MessageDeduplicationId="d",
           MessageSystemAttributes={"AWSTraceHeader": {"DataType": "String", "StringValue": "Root=1-5759e988-bd862e3fe1be46a994272793"}})
again = do("SendMessage", QueueUrl=fifo, MessageBody="a", MessageGroupId="g", MessageDeduplicationId="d")
same(first["SequenceNumber"], again["SequenceNumber"])
same(first["MessageId"], again["MessageId"])

fails("MissingParameter", "SendMessage", QueueUrl=fifo, MessageBody="a")
fails("InvalidParameterValue", "ReceiveMessage", QueueUrl=url, MaxNumberOfMessages=11)
do("PurgeQueue", QueueUrl=url)
fails("AWS.SimpleQueueService.PurgeQueueInProgress", "PurgeQueue", QueueUrl=url)
do("DeleteQueue", QueueUrl=url)
fails("AWS.SimpleQueueService.NonExistentQueue", "SendMessage", QueueUrl=url, MessageBody="a")
fails("AWS.SimpleQueueService.QueueDeletedRecently", "CreateQueue", QueueName="q")

missing = {name for name in client.meta.service_model.operation_names} - used
assert not missing or all("MoveTask" in name for name in missing), missing
print("botocore", botocore.__version__, "is content with", len(used), "actions")
