// Command reader says what Argo CD reads in the output of a plugin, for the tests of ours.
//
// It reads lines of JSON on standard input, each one a string: a text as a plugin prints it. For
// each it writes one line of JSON:
//
//	{"objects": [{"kind": "Secret", "seen": "Secret", "list": false, "annotations": {…}, "content": {…}, "items": null}]}
//
// or {"error": "…"}. The kind is that of the object in Argo CD; seen is the kind that the API server
// finds in what Argo CD sends it, empty where it refuses that; list says whether Argo CD takes the
// object apart, and items are what it then has; annotations are those of the object as they are, null
// where it has none; content is the whole object.
//
// The way is that of Argo CD v3.2.1, with the versions of its libraries: argocd-cmp-server splits
// the output (SplitYAMLToString in gitops-engine's pkg/utils/kube/kube.go), and the repo-server
// reads each part again (SplitYAML there) before it looks for lists (GenerateManifests in
// reposerver/repository/repository.go). Those two functions are repeated here, as their package
// brings the whole of kubectl with it.
//
// `reader versions` says instead which versions Helm chooses: see versions.go.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"log"
	"os"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	kubejson "k8s.io/apimachinery/pkg/runtime/serializer/json"
	kubeyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

type object struct {
	Kind        string      `json:"kind"`
	Seen        string      `json:"seen"`
	List        bool        `json:"list"`
	Annotations interface{} `json:"annotations"`
	Content     interface{} `json:"content"`
	Items       []object    `json:"items"`
}

type response struct {
	Objects []object `json:"objects"`
	Error   string   `json:"error,omitempty"`
}

func main() {
	if len(os.Args) == 2 && os.Args[1] == "versions" {
		answer(choose)
		return
	}
	answer(func(text string) response {
		objects, err := read([]byte(text))
		if err != nil {
			return response{Error: err.Error()}
		}
		return response{Objects: objects}
	})
}

// answer writes a line of JSON for each one on standard input.
func answer[Question, Answer any](to func(Question) Answer) {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 64<<20)
	encoder := json.NewEncoder(os.Stdout)
	for lines.Scan() {
		var question Question
		if err := json.Unmarshal(lines.Bytes(), &question); err != nil {
			log.Fatal(err)
		}
		if err := encoder.Encode(to(question)); err != nil {
			log.Fatal(err)
		}
	}
	if err := lines.Err(); err != nil {
		log.Fatal(err)
	}
}

// read goes the way of a plugin's output up to the objects that are looked at for lists.
func read(output []byte) ([]object, error) {
	manifests, err := split(output)
	if err != nil {
		return nil, err
	}
	objects := []object{}
	for _, manifest := range manifests {
		again, err := split(manifest)
		if err != nil {
			return nil, err
		}
		for _, each := range again {
			found := &unstructured.Unstructured{}
			if err := yaml.Unmarshal(each, found); err != nil {
				return nil, err
			}
			described, err := describe(found)
			if err != nil {
				return nil, err
			}
			items, _ := found.Object["items"].([]interface{})
			for _, item := range items {
				// EachListItem refuses what is not an object; here it has no kind.
				content, _ := item.(map[string]interface{})
				inner, err := describe(&unstructured.Unstructured{Object: content})
				if err != nil {
					return nil, err
				}
				described.Items = append(described.Items, inner)
			}
			objects = append(objects, described)
		}
	}
	return objects, nil
}

// describe says what one object is.
func describe(found *unstructured.Unstructured) (object, error) {
	sent, err := json.Marshal(found.Object)
	if err != nil {
		return object{}, err
	}
	seen := ""
	if gvk, err := kubejson.DefaultMetaFactory.Interpret(sent); err == nil {
		seen = gvk.Kind
	}
	annotations, _, _ := unstructured.NestedFieldNoCopy(found.Object, "metadata", "annotations")
	return object{found.GetKind(), seen, found.IsList(), annotations, found.Object, nil}, nil
}

// split is SplitYAMLToString.
func split(text []byte) ([][]byte, error) {
	decoder := kubeyaml.NewYAMLOrJSONDecoder(bytes.NewReader(text), 4096)
	var parts [][]byte
	for {
		part := runtime.RawExtension{}
		if err := decoder.Decode(&part); err != nil {
			if errors.Is(err, io.EOF) {
				return parts, nil
			}
			return nil, err
		}
		raw := bytes.TrimSpace(part.Raw)
		if len(raw) == 0 || bytes.Equal(raw, []byte("null")) {
			continue
		}
		parts = append(parts, raw)
	}
}
