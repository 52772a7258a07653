// SPDX-License-Identifier: Apache-2.0

package agreement

import "strings"

var (
	grpc     = request{method: "POST", path: "/p", body: "body", headers: [][2]string{{"content-type", "application/grpc"}, {"user-agent", "first"}}}
	grpcGet  = request{method: "GET", path: "/", headers: [][2]string{{"content-type", "application/grpc"}, {"user-agent", "first"}}}
	grpcHead = request{method: "HEAD", path: "/", headers: [][2]string{{"content-type", "application/grpc"}, {"user-agent", "first"}}}
)

// messages are cases of what a filter makes of headers, and of the answers that it gives.
var messages = map[string]agreementCase{
	"joined-request":           {"request-headers=" + joined + " request-headers=add,:authority,a.example request-headers=add,x-forwarded-proto,http", plain},
	"joined-request-trailers":  {"request-trailers=" + joined, tail},
	"joined-response":          {"response-headers=" + joined + " response-headers=add,content-length,5 response-headers=add,content-type,a", plain},
	"joined-response-trailers": {"response-trailers=" + joined, tail},
	"order": {"request-headers=remove,x-gone request-headers=add,b,1 request-headers=add,a,1 request-headers=set,b,2 request-headers=set,user-agent,other" +
		" request-headers=set,:method,GET request-headers=list,", plain},

	"answer-2": {"request-headers=answer,2 response-headers=answer,2", post},

	"no-status":        {"response-headers=remove,:status", plain},
	"no-status-body":   {"response-headers=pause response-headers=remove,:status tick", plain},
	"bad-status":       {"response-headers=set,:status,abc", plain},
	"two-statuses":     {"response-headers=add,:status,201", plain},
	"odd-status":       {"response-headers=set,:status,299", plain},
	"no-status-local":  {"request-headers=reply,403,,d,-1 response-headers=remove,:status", plain},
	"no-method":        {"request-headers=remove,:method", plain},
	"no-method-paused": {"request-headers=remove,:method request-headers=pause tick", plain},
	"no-method-grpc":   {"request-headers=remove,:method", grpcGet},
	"no-path":          {"request-headers=remove,:path", plain},
	"connect-nowhere":  {"request-headers=set,:method,CONNECT request-headers=remove,:authority", plain},
	"connect":          {"request-headers=set,:method,CONNECT", plain},
	"line-feed":        {"request-headers=add,x-bad,a%0Ab", plain},
	"zero":             {"request-headers=add,x-bad,a%00b", plain},
	"delete":           {"request-headers=add,x-bad,a%7Fb", plain},
	"tab":              {"request-headers=add,x-good,a%09b%FF", plain},
	"empty-value":      {"request-headers=add,x-good,", plain},

	"second-in-response":       {"request-headers=reply,403,one,d1,-1,a,1 response-headers=reply,404,two,d2,-1,b,2", plain},
	"second-in-response-empty": {"request-headers=reply,403,,d1,-1,a,1 response-headers=reply,404,,d2,-1,b,2", plain},
	"second-in-response-body":  {"request-headers=reply,403,one,d1,-1,a,1 response-body=reply,404,two,d2,-1,b,2", plain},
	"two-in-request":           {"request-headers=reply,403,one,d1,-1,a,1 request-headers=reply,404,two,d2,-1,b,2", plain},
	"two-in-request-body":      {"request-body=buffer request-body=reply,403,one,d1,-1 request-body=reply,404,two,d2,-1", post},
	"two-in-tick":              {"tick no-resume request-headers=pause resume=reply,403,one,d1,-1 resume=reply,404,two,d2,-1", plain},
	"tick":                     {"tick no-resume request-headers=pause resume=reply,403,one,d1,-1", plain},
	"tick-response":            {"tick no-resume response-headers=pause resume=reply,403,one,d1,-1", plain},

	"status-header":            {"request-headers=reply,403,body,d,7,:status,201,content-type,text/html,content-length,12", plain},
	"empty-own-length":         {"request-headers=reply,403,,d,7,content-type,text/html,content-length,12,a,b,a,c", plain},
	"local-grpc":               {"request-headers=reply,403,body,d,7,x,y", grpc},
	"local-grpc-default":       {"request-headers=reply,403,,d,-1,x,y", grpc},
	"local-grpc-encoded":       {"request-headers=reply,403,100%25%20~a%0A%C3%BC,d,7", grpc},
	"local-grpc-own":           {"request-headers=reply,403,body,d,7,grpc-status,5,content-length,99,grpc-message,mine", grpc},
	"local-grpc-own-empty":     {"request-headers=reply,403,,d,7,grpc-status,,grpc-message,mine", grpc},
	"local-grpc-in-response":   {"response-headers=reply,403,body,d,7", grpc},
	"local-grpc-head":          {"request-headers=reply,403,body,d,-1,x,y", grpcHead},
	"local-grpc-changed":       {"request-headers=set,content-type,text/plain request-headers=reply,403,body,d,7", grpc},
	"local-grpc-made":          {"request-headers=set,content-type,application/grpc request-headers=reply,403,body,d,7", plain},
	"local-grpc-after-removal": {"request-headers=remove,:path request-headers=reply,403,body,d,7", grpc},
	"local-head-changed":       {"request-headers=set,:method,GET request-headers=reply,403,body,d,-1", head},
	"local-head-made":          {"request-headers=set,:method,HEAD request-headers=reply,403,body,d,-1", plain},
}

// joined has the filter try which headers have their values joined.
var joined = "join," + strings.ReplaceAll(strings.TrimSpace(names), " ", ",")

// names are headers that Envoy or filters know.
const names = "accept accept-charset accept-encoding accept-language accept-ranges access-control-allow-credentials " +
	"access-control-allow-headers access-control-allow-methods access-control-allow-origin " +
	"access-control-allow-private-network access-control-expose-headers access-control-max-age " +
	"access-control-request-headers access-control-request-method access-control-request-private-network age allow " +
	"alt-svc authentication authorization baggage cache-control cache-status cdn-loop connection content-disposition " +
	"content-encoding content-language content-length content-location content-range content-security-policy " +
	"content-type cookie cookie2 date dnt early-data etag expect expires forwarded from grpc-accept-encoding " +
	"grpc-encoding grpc-message grpc-status grpc-status-details-bin grpc-timeout host http2-settings if-match " +
	"if-modified-since if-none-match if-range if-unmodified-since keep-alive last-modified link location max-forwards " +
	"origin permissions-policy pragma prefer priority proxy-authenticate proxy-authorization proxy-connection " +
	"proxy-status range referer refresh retry-after sec-fetch-mode sec-websocket-protocol server server-timing " +
	"set-cookie strict-transport-security te traceparent tracestate trailer transfer-encoding upgrade user-agent vary " +
	"via warning www-authenticate x-amz-date x-amzn-trace-id x-b3-sampled x-b3-traceid x-client-trace-id " +
	"x-cloud-trace-context x-content-type-options x-csrf-token x-datadog-trace-id x-envoy-attempt-count " +
	"x-envoy-decorator-operation x-envoy-degraded x-envoy-downstream-service-cluster x-envoy-downstream-service-node " +
	"x-envoy-expected-rq-timeout-ms x-envoy-external-address x-envoy-fault-abort-request x-envoy-force-trace " +
	"x-envoy-hedge-on-per-try-timeout x-envoy-immediate-health-check-fail x-envoy-internal x-envoy-ip-tags " +
	"x-envoy-is-timeout-retry x-envoy-livez x-envoy-max-retries x-envoy-original-dst-host x-envoy-original-host " +
	"x-envoy-original-method x-envoy-original-path x-envoy-original-url x-envoy-overloaded x-envoy-peer-metadata " +
	"x-envoy-peer-metadata-id x-envoy-rate-limited x-envoy-ratelimited x-envoy-retriable-header-names " +
	"x-envoy-retriable-status-codes x-envoy-retry-grpc-on x-envoy-retry-on x-envoy-upstream-alt-stat-name " +
	"x-envoy-upstream-canary x-envoy-upstream-healthchecked-cluster x-envoy-upstream-rq-per-try-timeout-ms " +
	"x-envoy-upstream-rq-timeout-alt-response x-envoy-upstream-rq-timeout-ms x-envoy-upstream-service-time " +
	"x-envoy-upstream-stream-duration-ms x-forwarded-client-cert x-forwarded-for x-forwarded-host x-forwarded-port " +
	"x-forwarded-proto x-frame-options x-grpc-web x-ot-span-context x-powered-by x-ratelimit-limit " +
	"x-ratelimit-remaining x-ratelimit-reset x-real-ip x-request-id x-requested-with x-squash-debug x-user-id"
