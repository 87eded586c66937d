// faultproxy stands between a client and an API server and does to their
// requests what networks, servers and people do.
//
//	faultproxy -listen :7443 -cert C -key K -server https://S:6443 -ca CA
//	           -rules FILE [-log FILE] [-seed N]
//
// It ends the client's TLS with a certificate of the cluster's CA and passes
// everything on, credentials too. The first rule that fits a request, has not
// been used up and wins its chance decides. The file is read again when
// another one has been put in its place (rename), and counts begin anew then.
// An empty line or one that begins with # is none.
//
//	METHOD PATTERN COUNT CHANCE FAULT [ARGUMENT...]
//	POST   /reservations 1 1 reset-after
//	*      .             * 0.05 status 503 1
//	TLS    .             1 1 hang
//
// METHOD may be *, PATTERN is a regular expression over the path and query,
// COUNT how many requests it is for (* all), CHANCE 0 to 1. Method TLS is for
// new connections, before the handshake: hang and reset-before.
//
//	latency T        wait, then pass it on
//	late T           pass it on, wait, then answer
//	before FILE      wait until FILE is there, then pass it on, whether or not
//	                 the client still is
//	after FILE       pass it on, wait until FILE is there, then answer
//	reset-before     reset the client's connection
//	reset-after      pass it on, then reset the client's connection
//	abandon          pass it on and reset both at once: it may have been done
//	hang             no answer, ever; the connection stays
//	hang-after       the same, but it was done
//	truncate N       cut the answer off behind N bytes
//	oversize N       make the answer longer by N bytes
//	garbage          it was done, the answer is a web page
//	replace A B      every A in the answer's body becomes B
//	type T           the answer is said to be of type T
//	status S [R]     answer S, with Retry-After: R
//	status-after S [R]	the same, but it was done
//
// The log has "begin FAULT METHOD PATH" when a request comes ("-": no fault),
// "passed FAULT METHOD PATH STATUS" when the server has answered it, and
// "end FAULT METHOD PATH STATUS" when the client has got what it gets.
package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"flag"
	"fmt"
	"io"
	"log"
	"math/rand"
	"net"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

type rule struct {
	method  string
	pattern *regexp.Regexp
	left    int // -1: no end
	chance  float64
	fault   string
	args    []string
}

type rules struct {
	path string

	mutex sync.Mutex
	seen  os.FileInfo
	list  []*rule
	dice  *rand.Rand
}

// --- rules --------------------------------------------------------------------

func parseRule(line string) (*rule, error) {
	word := strings.Fields(line)
	if len(word) < 5 {
		return nil, fmt.Errorf("%q: METHOD PATTERN COUNT CHANCE FAULT", line)
	}
	pattern, err := regexp.Compile(word[1])
	if err != nil {
		return nil, err
	}
	left := -1
	if word[2] != "*" {
		if left, err = strconv.Atoi(word[2]); err != nil {
			return nil, err
		}
	}
	chance, err := strconv.ParseFloat(word[3], 64)
	if err != nil {
		return nil, err
	}
	r := &rule{word[0], pattern, left, chance, word[4], word[5:]}
	if _, known := faults[r.fault]; !known {
		return nil, fmt.Errorf("%q: no such fault", r.fault)
	}
	return r, nil
}

func (r *rules) load() {
	now, err := os.Stat(r.path)
	if err != nil {
		log.Fatal(err)
	}
	if r.seen != nil && os.SameFile(now, r.seen) &&
		now.ModTime() == r.seen.ModTime() && now.Size() == r.seen.Size() {
		return
	}
	text, err := os.ReadFile(r.path)
	if err != nil {
		log.Fatal(err)
	}
	r.seen, r.list = now, nil
	scan := bufio.NewScanner(bytes.NewReader(text))
	for scan.Scan() {
		line := strings.TrimSpace(scan.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		one, err := parseRule(line)
		if err != nil {
			log.Fatal(err)
		}
		r.list = append(r.list, one)
	}
}

func (r *rules) choose(method, path string) *rule {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.load()
	for _, one := range r.list {
		fits := one.method == method ||
			one.method == "*" && method != "TLS"
		if !fits || one.left == 0 || !one.pattern.MatchString(path) ||
			r.dice.Float64() >= one.chance {
			continue
		}
		if one.left > 0 {
			one.left--
		}
		return one
	}
	return &rule{fault: "-"}
}

func (r *rule) arg(n int) string {
	if n < len(r.args) {
		return r.args[n]
	}
	log.Fatalf("%s: argument %d is missing", r.fault, n+1)
	return ""
}

func (r *rule) number(n int) int {
	value, err := strconv.Atoi(r.arg(n))
	if err != nil {
		log.Fatalf("%s: %v", r.fault, err)
	}
	return value
}

func (r *rule) sleep() {
	duration, err := time.ParseDuration(r.arg(0))
	if err != nil {
		log.Fatalf("%s: %v", r.fault, err)
	}
	time.Sleep(duration)
}

func (r *rule) await() {
	for {
		if _, err := os.Stat(r.arg(0)); err == nil {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// --- one request --------------------------------------------------------------

type exchange struct {
	proxy *proxy
	rule  *rule
	w     http.ResponseWriter
	r     *http.Request
	body  []byte

	status int // the server's
	header http.Header
	answer []byte
}

// What the server says. Whoever asked may have gone: it is asked all the same.
func (e *exchange) pass() bool {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, e.r.Method,
		e.proxy.server+e.r.URL.RequestURI(), bytes.NewReader(e.body))
	if err != nil {
		log.Fatal(err)
	}
	request.Header = e.r.Header.Clone()
	answer, err := e.proxy.client.Do(request)
	if err != nil {
		log.Print(err)
		return false
	}
	defer answer.Body.Close()
	e.answer, err = io.ReadAll(answer.Body)
	e.status, e.header = answer.StatusCode, answer.Header
	e.proxy.log.Printf("passed %s %s %s %d", e.rule.fault, e.r.Method,
		e.r.URL.RequestURI(), e.status)
	return err == nil
}

// A server that cannot be asked is away for the client, too.
func (e *exchange) passOrReset() bool {
	if e.pass() {
		return true
	}
	e.reset()
	return false
}

func (e *exchange) reply(status int, answer []byte, length int) {
	for key, values := range e.header {
		e.w.Header()[key] = values
	}
	e.w.Header().Set("Content-Length", strconv.Itoa(length))
	e.w.WriteHeader(status)
	e.w.Write(answer)
}

func (e *exchange) relay() {
	if e.passOrReset() {
		e.reply(e.status, e.answer, len(e.answer))
	}
}

// The connection, taken from the server's hands
func (e *exchange) seize() net.Conn {
	conn, _, err := e.w.(http.Hijacker).Hijack()
	if err != nil {
		log.Fatal(err)
	}
	return conn.(*tls.Conn).NetConn()
}

func reset(conn net.Conn) {
	conn.(*net.TCPConn).SetLinger(0)
	conn.Close()
}

func (e *exchange) reset() {
	reset(e.seize())
}

// Open for as long as the client wants it
func hang(conn net.Conn) {
	io.Copy(io.Discard, conn)
	conn.Close()
}

var reasons = map[int]string{
	401: "Unauthorized", 403: "Forbidden", 404: "NotFound", 409: "Conflict",
	422: "Invalid", 429: "TooManyRequests", 500: "InternalError",
	503: "ServiceUnavailable", 504: "Timeout",
}

// As the server says it
func (e *exchange) refuse() {
	status := e.rule.number(0)
	if len(e.rule.args) > 1 {
		e.w.Header().Set("Retry-After", e.rule.args[1])
	}
	e.header = http.Header{"Content-Type": {"application/json"}}
	answer := fmt.Sprintf(`{"kind":"Status","apiVersion":"v1",`+
		`"metadata":{},"status":"Failure","message":"planted %d",`+
		`"reason":%q,"code":%d}`, status, reasons[status], status)
	e.reply(status, []byte(answer), len(answer))
}

func (e *exchange) truncate() {
	if !e.passOrReset() {
		return
	}
	length := e.rule.number(0)
	if length > len(e.answer) {
		length = len(e.answer)
	}
	e.reply(e.status, e.answer[:length], len(e.answer)+1)
	e.w.(http.Flusher).Flush()
	e.seize().Close()
}

func (e *exchange) oversize() {
	if e.passOrReset() {
		e.answer = append(e.answer,
			bytes.Repeat([]byte(" "), e.rule.number(0))...)
		e.reply(e.status, e.answer, len(e.answer))
	}
}

func (e *exchange) garbage() {
	if e.passOrReset() {
		page := "<html><body>It works!</body></html>"
		e.reply(200, []byte(page), len(page))
	}
}

func (e *exchange) replace() {
	if e.passOrReset() {
		e.answer = bytes.ReplaceAll(e.answer, []byte(e.rule.arg(0)),
			[]byte(e.rule.arg(1)))
		e.reply(e.status, e.answer, len(e.answer))
	}
}

func (e *exchange) retype() {
	if e.passOrReset() {
		e.header.Set("Content-Type", e.rule.arg(0))
		e.reply(e.status, e.answer, len(e.answer))
	}
}

// The request leaves this machine, and nobody waits for what becomes of it.
func (e *exchange) abandon() {
	conn, err := tls.Dial("tcp", strings.TrimPrefix(e.proxy.server, "https://"),
		e.proxy.tls)
	if err == nil {
		request := e.r.Clone(context.Background())
		request.Body = io.NopCloser(bytes.NewReader(e.body))
		request.Write(conn)
		reset(conn.NetConn())
	}
	e.reset()
}

var faults map[string]func(*exchange)

func init() {
	faults = map[string]func(*exchange){
		"-":            (*exchange).relay,
		"latency":      func(e *exchange) { e.rule.sleep(); e.relay() },
		"before":       func(e *exchange) { e.rule.await(); e.relay() },
		"reset-before": (*exchange).reset,
		"abandon":      (*exchange).abandon,
		"hang":         func(e *exchange) { hang(e.seize()) },
		"truncate":     (*exchange).truncate,
		"oversize":     (*exchange).oversize,
		"garbage":      (*exchange).garbage,
		"replace":      (*exchange).replace,
		"type":         (*exchange).retype,
		"status":       (*exchange).refuse,
	}
	after := map[string]func(*exchange){
		"late":  func(e *exchange) { e.rule.sleep(); e.answerAsIs() },
		"after": func(e *exchange) { e.rule.await(); e.answerAsIs() },

		"reset-after":  (*exchange).reset,
		"hang-after":   func(e *exchange) { hang(e.seize()) },
		"status-after": (*exchange).refuse,
	}
	for name, fault := range after {
		fault := fault
		faults[name] = func(e *exchange) {
			if e.passOrReset() {
				fault(e)
			}
		}
	}
}

func (e *exchange) answerAsIs() {
	e.reply(e.status, e.answer, len(e.answer))
}

// --- the proxy ----------------------------------------------------------------

type proxy struct {
	server string
	tls    *tls.Config
	client *http.Client
	rules  *rules
	log    *log.Logger
}

func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	e := &exchange{proxy: p, w: w, r: r, body: body}
	e.rule = p.rules.choose(r.Method, r.URL.RequestURI())
	p.log.Printf("begin %s %s %s", e.rule.fault, r.Method,
		r.URL.RequestURI())
	faults[e.rule.fault](e)
	p.log.Printf("end %s %s %s %d", e.rule.fault, r.Method,
		r.URL.RequestURI(), e.status)
}

// Connections are let in by the rules for TLS.
type gate struct {
	net.Listener
	rules *rules
}

func (g *gate) Accept() (net.Conn, error) {
	for {
		conn, err := g.Listener.Accept()
		if err != nil {
			return nil, err
		}
		switch g.rules.choose("TLS", conn.RemoteAddr().String()).fault {
		case "hang":
			go hang(conn)
		case "reset-before":
			reset(conn)
		default:
			return conn, nil
		}
	}
}

func logger(path string) *log.Logger {
	if path == "" {
		return log.New(io.Discard, "", 0)
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		log.Fatal(err)
	}
	return log.New(file, "", 0)
}

func main() {
	listen := flag.String("listen", "127.0.0.1:7443", "")
	cert := flag.String("cert", "", "")
	key := flag.String("key", "", "")
	server := flag.String("server", "", "")
	ca := flag.String("ca", "", "")
	path := flag.String("rules", "", "")
	record := flag.String("log", "", "")
	seed := flag.Int64("seed", 1, "")
	flag.Parse()

	roots := x509.NewCertPool()
	text, err := os.ReadFile(*ca)
	if err != nil || !roots.AppendCertsFromPEM(text) {
		log.Fatalf("%s: no certificate: %v", *ca, err)
	}
	pair, err := tls.LoadX509KeyPair(*cert, *key)
	if err != nil {
		log.Fatal(err)
	}
	trust := &tls.Config{RootCAs: roots}
	p := &proxy{
		server: *server,
		tls:    trust,
		client: &http.Client{Transport: &http.Transport{
			TLSClientConfig:     trust,
			DisableCompression:  true,
			MaxIdleConnsPerHost: 64,
		}},
		rules: &rules{path: *path, dice: rand.New(rand.NewSource(*seed))},
		log:   logger(*record),
	}
	p.rules.load()

	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		log.Fatal(err)
	}
	https := &http.Server{
		Handler: p,
		// What clients give up is no news here.
		ErrorLog: log.New(io.Discard, "", 0),
	}
	// Without "h2" offered, a connection is one request after another.
	log.Fatal(https.Serve(tls.NewListener(&gate{listener, p.rules},
		&tls.Config{Certificates: []tls.Certificate{pair}})))
}
