// What an unchanged program with the AWS SDK for JavaScript v3 does: `node talk.mjs <endpoint> <photo>`.
import { readFileSync } from "node:fs";
import {
  CreateCollectionCommand,
  DetectFacesCommand,
  IndexFacesCommand,
  RekognitionClient,
} from "@aws-sdk/client-rekognition";

const [endpoint, photo] = process.argv.slice(2);
const client = new RekognitionClient({ endpoint, region: "eu-west-1", maxAttempts: 1 });
const image = { Bytes: readFileSync(photo) };
const said = {};
for (const [name, command] of Object.entries({
  created: new CreateCollectionCommand({ CollectionId: "staff-js" }),
  indexed: new IndexFacesCommand({ CollectionId: "staff-js", Image: image }),
  detected: new DetectFacesCommand({ Image: image }),
})) {
  try {
    const answer = await client.send(command);
    said[name] = (answer.FaceRecords ?? answer.FaceDetails ?? [answer.StatusCode]).length;
  } catch (error) {
    said[name] = error.name;
  }
}
console.log(JSON.stringify(said));
