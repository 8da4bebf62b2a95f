// Command informer does with client-go what controllers do with it, and says "done". KUBECONFIG names the cluster.
//
// It asks for protobuf, as upstream's components do, and its informer begins with a streamed list.
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	applyv1 "k8s.io/client-go/applyconfigurations/core/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/util/retry"
)

const namespace = "go"

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 90*time.Second)
	defer cancel()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println("done")
}

func run(ctx context.Context) error {
	config, err := clientcmd.BuildConfigFromFlags("", os.Getenv("KUBECONFIG"))
	if err != nil {
		return err
	}
	config.ContentType = runtime.ContentTypeProtobuf
	config.AcceptContentTypes = runtime.ContentTypeProtobuf + "," + runtime.ContentTypeJSON
	config.QPS = -1
	clients, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	object := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}
	if _, err := clients.CoreV1().Namespaces().Create(ctx, object, metav1.CreateOptions{}); err != nil {
		return err
	}
	for number := range 50 {
		if err := create(ctx, clients, fmt.Sprintf("before-%d", number)); err != nil {
			return err
		}
	}
	return follow(ctx, clients)
}

func create(ctx context.Context, clients kubernetes.Interface, name string) error {
	object := &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"made": "here"}},
		Data:       map[string]string{"a": "1"},
	}
	_, err := clients.CoreV1().ConfigMaps(namespace).Create(ctx, object, metav1.CreateOptions{})
	return err
}

// follow starts an informer in the middle of things and checks that it is told all of them.
func follow(ctx context.Context, clients kubernetes.Interface) error {
	events := make(chan string, 1000)
	factory := informers.NewSharedInformerFactoryWithOptions(clients, 0, informers.WithNamespace(namespace))
	maps := factory.Core().V1().ConfigMaps()
	tell := func(what string, object any) {
		if object, ok := object.(*corev1.ConfigMap); ok && object.Labels["made"] == "here" {
			events <- what + " " + object.Name + " " + object.Data["a"]
		}
	}
	_, err := maps.Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(object any) { tell("add", object) },
		UpdateFunc: func(_, object any) { tell("update", object) },
		DeleteFunc: func(object any) { tell("delete", object) },
	})
	if err != nil {
		return err
	}
	factory.Start(ctx.Done())
	for kind, synced := range factory.WaitForCacheSync(ctx.Done()) {
		if !synced {
			return fmt.Errorf("%v: no sync", kind)
		}
	}
	selected, err := maps.Lister().ConfigMaps(namespace).List(labels.SelectorFromSet(labels.Set{"made": "here"}))
	if err != nil || len(selected) != 50 {
		return fmt.Errorf("%d objects listed, 50 expected: %v", len(selected), err)
	}
	return act(ctx, clients, events)
}

func act(ctx context.Context, clients kubernetes.Interface, events <-chan string) error {
	maps := clients.CoreV1().ConfigMaps(namespace)
	if err := create(ctx, clients, "during"); err != nil {
		return err
	}
	if err := create(ctx, clients, "during"); !errors.IsAlreadyExists(err) {
		return fmt.Errorf("a second creation: %v", err)
	}
	err := retry.RetryOnConflict(retry.DefaultRetry, func() error {
		object, err := maps.Get(ctx, "during", metav1.GetOptions{})
		if err != nil {
			return err
		}
		object.Data["a"] = "2"
		_, err = maps.Update(ctx, object, metav1.UpdateOptions{})
		return err
	})
	if err != nil {
		return err
	}
	applied := applyv1.ConfigMap("during", namespace).WithData(map[string]string{"a": "3"})
	if _, err := maps.Apply(ctx, applied, metav1.ApplyOptions{FieldManager: "program", Force: true}); err != nil {
		return err
	}
	if err := maps.Delete(ctx, "during", metav1.DeleteOptions{}); err != nil {
		return err
	}
	wanted := map[string]bool{"add during 1": true, "update during 2": true, "update during 3": true, "delete during 3": true}
	for len(wanted) > 0 {
		select {
		case event := <-events:
			delete(wanted, event)
		case <-ctx.Done():
			return fmt.Errorf("not told: %v", wanted)
		}
	}
	return nil
}
