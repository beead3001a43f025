// Command oracle says what argocd-vault-plugin's modifiers give, for the tests of ours.
//
// It reads lines of JSON on standard input, such as
//
//	{"op": "jsonPath", "args": ["{.a}"], "input": {"a": 1.10}, "typed": true, "runs": 1}
//
// and writes one line of JSON for each: {"ok": true, "results": ["1.10"]}, where results holds
// the different results of all runs (Go walks through a map in another order each time), or
// {"ok": false, "error": "…", "panic": false}. A result that is not UTF-8 is given as
// {"base64": "…"}. With "typed" the numbers of the input keep their text, as those of a secret
// that comes from Vault; without it they are float64, as those of a parsed text.
//
// The functions are those of pkg/kube/modifiers.go in argocd-vault-plugin v1.18.1 (Apache-2.0),
// which exports none of them; the two libraries are the versions that it uses.
package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"

	"k8s.io/client-go/util/jsonpath"
	"sigs.k8s.io/yaml"
)

type request struct {
	Op    string          `json:"op"`
	Args  []string        `json:"args"`
	Input json.RawMessage `json:"input"`
	Typed bool            `json:"typed"`
	Runs  int             `json:"runs"`
}

type response struct {
	Ok      bool          `json:"ok"`
	Results []interface{} `json:"results,omitempty"`
	Error   string        `json:"error,omitempty"`
	Panic   bool          `json:"panic,omitempty"`
}

var (
	errParameters = errors.New("invalid parameters")
	errDatatype   = errors.New("invalid datatype")
)

var modifiers = map[string]func([]string, interface{}) (interface{}, error){
	"base64encode": base64encode,
	"base64decode": base64decode,
	"jsonPath":     jsonPath,
	"jsonParse":    jsonParse,
	"yamlParse":    yamlParse,
	"indent":       indent,
	"sha256sum":    sha256sum,
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 64<<20)
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	encoder := json.NewEncoder(out)
	for lines.Scan() {
		var asked request
		if err := json.Unmarshal(lines.Bytes(), &asked); err != nil {
			log.Fatal(err)
		}
		if err := encoder.Encode(answer(asked)); err != nil {
			log.Fatal(err)
		}
	}
	if err := lines.Err(); err != nil {
		log.Fatal(err)
	}
}

// answer runs one request as often as it asks for, and gathers the different results.
func answer(asked request) response {
	seen := map[string]bool{}
	answered := response{Ok: true}
	for run := 0; run == 0 || run < asked.Runs; run++ {
		result, err, panicked := call(asked)
		if err != nil {
			return response{Error: err.Error(), Panic: panicked}
		}
		if text, ok := result.(string); ok && !utf8.ValidString(text) {
			result = map[string]string{"base64": base64.StdEncoding.EncodeToString([]byte(text))}
		}
		text, err := json.Marshal(result)
		if err != nil {
			log.Fatal(err)
		}
		if !seen[string(text)] {
			seen[string(text)] = true
			answered.Results = append(answered.Results, result)
		}
	}
	return answered
}

func call(asked request) (result interface{}, err error, panicked bool) {
	modifier, found := modifiers[asked.Op]
	if !found {
		log.Fatalf("no operation %q", asked.Op)
	}
	decoder := json.NewDecoder(bytes.NewReader(asked.Input))
	if asked.Typed {
		decoder.UseNumber()
	}
	var input interface{}
	if err := decoder.Decode(&input); err != nil {
		log.Fatal(err)
	}
	defer func() {
		if reason := recover(); reason != nil {
			err, panicked = fmt.Errorf("%v", reason), true
		}
	}()
	result, err = modifier(asked.Args, input)
	return result, err, false
}

func indent(params []string, input interface{}) (interface{}, error) {
	if len(params) != 1 {
		return nil, errParameters
	}
	level, err := strconv.ParseInt(params[0], 10, 0)
	if err != nil {
		return nil, errParameters
	}
	text, ok := input.(string)
	if !ok {
		return nil, errDatatype
	}
	lines := strings.Split(text, "\n")
	var builder strings.Builder
	builder.WriteString(strings.TrimSpace(lines[0]))
	if len(lines) > 1 {
		builder.WriteString("\n")
	}
	for i := 1; i < len(lines); i++ {
		if len(lines[i]) > 0 {
			for j := int64(0); j < level; j++ {
				builder.WriteString(" ")
			}
			builder.WriteString(strings.TrimSpace(lines[i]))
			if i < len(lines)-1 {
				builder.WriteString("\n")
			}
		}
	}
	return builder.String(), nil
}

func base64encode(params []string, input interface{}) (interface{}, error) {
	if len(params) > 0 {
		return nil, errParameters
	}
	text, ok := input.(string)
	if !ok {
		return nil, errDatatype
	}
	return base64.StdEncoding.EncodeToString([]byte(text)), nil
}

// base64decode says what is invalid, where argocd-vault-plugin drops the error.
func base64decode(params []string, input interface{}) (interface{}, error) {
	if len(params) > 0 {
		return nil, errParameters
	}
	text, ok := input.(string)
	if !ok {
		return nil, errDatatype
	}
	decoded, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, err
	}
	return string(decoded), nil
}

func jsonPath(params []string, input interface{}) (interface{}, error) {
	if len(params) < 1 {
		return nil, errParameters
	}
	jp := jsonpath.New("AVPJsonPath")
	jp.AllowMissingKeys(false)
	if err := jp.Parse(strings.Join(params, " ")); err != nil {
		return nil, err
	}
	obj := input
	if reflect.ValueOf(input).Kind() == reflect.String {
		if err := json.Unmarshal([]byte(input.(string)), &obj); err != nil {
			return nil, err
		}
	}
	var buf bytes.Buffer
	if err := jp.Execute(&buf, obj); err != nil {
		return nil, err
	}
	return buf.String(), nil
}

func jsonParse(params []string, input interface{}) (interface{}, error) {
	if len(params) > 0 {
		return nil, errParameters
	}
	text, ok := input.(string)
	if !ok {
		return nil, errDatatype
	}
	var obj interface{}
	err := json.Unmarshal([]byte(text), &obj)
	return obj, err
}

func yamlParse(params []string, input interface{}) (interface{}, error) {
	if len(params) > 0 {
		return nil, errParameters
	}
	text, ok := input.(string)
	if !ok {
		return nil, errDatatype
	}
	var obj interface{}
	err := yaml.Unmarshal([]byte(text), &obj)
	return obj, err
}

func sha256sum(params []string, input interface{}) (interface{}, error) {
	if len(params) > 0 {
		return nil, errParameters
	}
	if reflect.ValueOf(input).Kind() != reflect.String {
		return nil, errDatatype
	}
	sum := sha256.Sum256([]byte(input.(string)))
	return hex.EncodeToString(sum[:]), nil
}
