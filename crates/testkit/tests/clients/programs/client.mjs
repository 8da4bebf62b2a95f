// Does with the official JavaScript client what programs do with it, and says `done`. The argument is the client's entry
// file; KUBECONFIG names the cluster.

import assert from 'node:assert/strict';

const k8s = await import(process.argv[2]);
const namespace = 'javascript';
const config = new k8s.KubeConfig();
config.loadFromDefault();
const core = config.makeApiClient(k8s.CoreV1Api);
const objects = k8s.KubernetesObjectApi.makeApiClient(config);

function configMap(name, data) {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace, labels: { made: 'here' } }, data };
}

async function refused(code, reason, call) {
  await assert.rejects(call, (error) => error.code === code && JSON.parse(error.body).reason === reason);
}

// Waits until what an informer has told satisfies a condition, for at most half a minute.
function follower() {
  const told = [];
  let waiting = () => {};
  const informer = k8s.makeInformer(
    config,
    `/api/v1/namespaces/${namespace}/configmaps`,
    () => core.listNamespacedConfigMap({ namespace, labelSelector: 'made=here' }),
    'made=here',
  );
  for (const what of ['add', 'update', 'delete']) {
    informer.on(what, (object) => {
      told.push(`${what} ${object.metadata.name} ${object.data?.a}`);
      waiting();
    });
  }
  const until = (line) =>
    new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`no "${line}" in ${told}`)), 30_000);
      waiting = () => {
        if (told.includes(line)) {
          clearTimeout(late);
          resolve();
        }
      };
      waiting();
    });
  return { informer, until };
}

await core.createNamespace({ body: { metadata: { name: namespace } } });
await refused(404, 'NotFound', () => core.readNamespacedConfigMap({ name: 'nothing', namespace }));
await core.createNamespacedConfigMap({ namespace, body: configMap('first', { a: '1' }) });
await refused(409, 'AlreadyExists', () => core.createNamespacedConfigMap({ namespace, body: configMap('first') }));

const { informer, until } = follower();
await informer.start();
await until('add first 1');
assert.equal(informer.get('first', namespace).data.a, '1');
await core.createNamespacedConfigMap({ namespace, body: configMap('second', { a: '2' }) });
await until('add second 2');

const apply = (a) =>
  objects.patch(configMap('second', { a }), undefined, undefined, 'program', true, k8s.PatchStrategy.ServerSideApply);
const applied = await apply('3');
assert.ok(applied.metadata.managedFields.some((entry) => entry.manager === 'program' && entry.operation === 'Apply'));
await until('update second 3');

const read = await core.readNamespacedConfigMap({ name: 'first', namespace });
await core.replaceNamespacedConfigMap({ name: 'first', namespace, body: { ...read, data: { a: '4' } } });
await refused(409, 'Conflict', () => core.replaceNamespacedConfigMap({ name: 'first', namespace, body: read }));
await until('update first 4');
await core.deleteNamespacedConfigMap({ name: 'first', namespace });
await until('delete first 4');
await informer.stop();
console.log('done');
