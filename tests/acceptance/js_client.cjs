// What a web application does with @openeo/js-client: connect, list, validate, run a job, list services.
// Arguments: address of the server, user, password, collection. Writes one JSON object to the standard output.
const { OpenEO, Formula } = require("@openeo/js-client");

async function main(url, user, password, collection) {
  const found = {};
  const connection = await OpenEO.connect(url);
  found.url = connection.getUrl();
  found.version = connection.capabilities().apiVersion();
  found.features = ["createJob", "listServices", "computeResult", "estimateJob", "debugJob"].filter((name) =>
    connection.capabilities().hasFeature(name)
  );
  await connection.authenticateBasic(user, password);
  found.user = (await connection.describeAccount()).user_id;

  found.collections = (await connection.listCollections()).collections.map((one) => one.id);
  found.bands = (await connection.describeCollection(collection))["cube:dimensions"].bands.values;
  found.items = (await connection.listCollectionItems(collection, null, null, 2).nextPage()).length;
  found.processes = (await connection.listProcesses()).processes.length;
  found.formats = (await connection.listFileTypes()).getOutputTypes();
  found.serviceTypes = Object.keys(await connection.listServiceTypes());

  const builder = await connection.buildProcess("one_scene");
  const cube = builder.load_collection(collection, null, ["2022-06-01", "2022-06-10"], ["B04", "B08"]);
  const ndvi = builder.reduce_dimension(cube, new Formula("($B08 - $B04) / ($B08 + $B04)"), "bands");
  const least = builder.reduce_dimension(ndvi, (data, c, b) => b.min(data), "t");
  const process = builder.save_result(least, "GTiff");
  found.faults = await connection.validateProcess(process);

  const job = await connection.createJob(process, "NDVI", "From JavaScript.");
  const estimate = await job.estimateJob();
  found.estimate = Object.keys(estimate).sort();
  await job.startJob();
  while (["created", "queued", "running"].includes(job.status)) {
    await new Promise((resolve) => setTimeout(resolve, 200));
    await job.describeJob();
  }
  found.status = job.status;
  found.jobs = (await connection.listJobs()).map((one) => one.title);
  found.logs = (await job.debugJob().nextLogs()).length > 0;
  const assets = await job.listResults();
  found.assets = assets.map((asset) => [asset.type, asset.href.startsWith(url)]);
  const bytes = Buffer.from(await (await fetch(assets[0].href, { headers: { Range: "bytes=0-3" } })).arrayBuffer());
  found.firstBytes = bytes.toString("hex");

  const sum = await connection.buildProcess();
  const result = await connection.computeResult(sum.add(1, 2));
  found.sum = (await result.data.toArray()).join("");
  found.type = result.type;
  found.syncLogs = result.logs.length;

  const stored = await connection.setUserProcess("from_js", builder.toJSON());
  found.userProcesses = (await connection.listUserProcesses()).map((one) => one.id);
  await stored.deleteUserProcess();

  const mapped = await connection.buildProcess("map");
  const layer = mapped.load_collection(collection, null, ["2022-06-01", "2022-06-10"], ["B04"]);
  const service = await connection.createService(layer, "XYZ", "NDVI map");
  found.services = (await connection.listServices()).map((one) => [one.type, one.title, one.enabled]);
  await service.deleteService();
  await job.deleteJob();
  return found;
}

main(...process.argv.slice(2)).then(
  (found) => console.log(JSON.stringify(found)),
  (error) => {
    console.error(error.stack, error.code || "", JSON.stringify(error.response ? error.response.data : null));
    process.exit(1);
  }
);
